const units = ['B', 'kB', 'MB', 'GB', 'TB']

/** Of the disk, by thousands as disks and engines count: `12.3 MB`. */
export function renderSize(bytes: number): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)))
  const number = bytes / 1000 ** power
  return `${power === 0 ? number : number.toFixed(1)} ${units[power]}`
}
