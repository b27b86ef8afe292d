/**
 * What the gateway gets of the environment that Pando was started with. The state directory is not read by it: it tells whoever looks at a
 * worker whose it is. `NODE_EXTRA_CA_CERTS` names authorities that issuers and authorisers of one's own have their certificates from.
 */
export function gatewayEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  stateDir: string,
): Record<string, string> {
  const authorities = environment['NODE_EXTRA_CA_CERTS']
  return {
    PATH: environment['PATH'] ?? '',
    PANDO_STATE_DIR: stateDir,
    ...(authorities === undefined ? {} : { NODE_EXTRA_CA_CERTS: authorities }),
  }
}
