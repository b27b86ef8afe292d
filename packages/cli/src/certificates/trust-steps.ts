/** What makes one program or system trust the authority: whose it is, and what to type. */
export type TrustStep = readonly [who: string, what: string]

/** `path`: of the authority's certificate; it is quoted for a shell where that needs it. `port`: where the app encrypts. */
export function trustSteps(path: string, port: number): readonly TrustStep[] {
  const ca = /^[A-Za-z0-9_./~-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
  return [
    ['curl', `curl --cacert ${ca} https://localhost:${port}/`],
    ['Node', `NODE_EXTRA_CA_CERTS=${ca} node …`],
    ['Python', `SSL_CERT_FILE=${ca} python …   (requests: REQUESTS_CA_BUNDLE)`],
    ['Go, Ruby', `SSL_CERT_FILE=${ca} …`],
    ['Java', `keytool -importcert -cacerts -storepass changeit -noprompt -alias pando -file ${ca}`],
    ['Chromium', `certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n pando -i ${ca}   (of libnss3-tools)`],
    ['Firefox', `Settings, Privacy & Security, View Certificates, Authorities, Import: ${path}`],
    ['Debian, Ubuntu', `sudo cp ${ca} /usr/local/share/ca-certificates/pando.crt && sudo update-ca-certificates`],
    ['Fedora, RHEL', `sudo cp ${ca} /etc/pki/ca-trust/source/anchors/pando.pem && sudo update-ca-trust`],
    ['Arch', `sudo trust anchor --store ${ca}`],
  ]
}
