export interface Product {
  readonly id: number
  readonly name: string
  /** Cents, so that no sum is ever rounded. */
  readonly priceCents: number
  readonly stock: number
}

export const products: readonly Product[] = [
  { id: 1, name: 'Book', priceCents: 1490, stock: 12 },
  { id: 2, name: 'Pen', priceCents: 250, stock: 140 },
  { id: 3, name: 'Notebook', priceCents: 620, stock: 37 },
  { id: 4, name: 'Ink, blue', priceCents: 980, stock: 8 },
  { id: 5, name: 'Desk lamp', priceCents: 4900, stock: 3 },
]
