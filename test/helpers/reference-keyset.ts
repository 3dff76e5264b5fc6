import { mkdirSync, writeFileSync } from 'node:fs';
import { openssl } from './keyset.ts';

export const referenceProduct = '4a0c3c42-96b5-4a20-81f5-3bf938c6a090';

/**
 * A keyset laid out as the reference (Go, project-machine/trust) writes one, made by openssl: CAs without KeyUsage, files
 * that we don't make (bootkit, artifacts, a cpio beside the folders).
 */
export function makeReferenceKeyset(folder: string, name = 'snakeoil'): string {
  const keyset = `${folder}/${name}`;
  const project = `${keyset}/manifest/default`;
  for (const path of [
    'manifest-ca',
    'sudi-ca',
    'pcr7data/policy-2',
    'bootkit',
    'artifacts',
    'manifest/default/sudi',
  ])
    mkdirSync(`${keyset}/${path}`, { recursive: true, mode: 0o750 });
  writeFileSync(`${keyset}/pcr7data.cpio`, '');
  const subject = `/O=Snake/OU=Project Machine Project ${name}`;
  const key = ['-nodes', '-newkey', 'rsa:2048', '-keyout', 'privkey.pem'];
  openssl(
    `${keyset}/manifest-ca`,
    'req',
    '-x509',
    ...key,
    '-out',
    'cert.pem',
    '-days',
    '9125',
    '-subj',
    `${subject}/CN=Manifest rootCA`,
  );
  openssl(
    `${keyset}/sudi-ca`,
    'req',
    '-x509',
    ...key,
    '-out',
    'cert.pem',
    '-days',
    '9125',
    '-subj',
    `${subject}/CN=SUDI rootCA`,
  );
  writeFileSync(`${project}/uuid`, referenceProduct);
  writeFileSync(
    `${project}/ext`,
    'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectKeyIdentifier=hash\n',
  );
  openssl(project, 'req', '-new', ...key, '-out', 'csr', '-subj', `/CN=manifest PRODUCT:${referenceProduct}`);
  const ca = [
    '-CA',
    '../../manifest-ca/cert.pem',
    '-CAkey',
    '../../manifest-ca/privkey.pem',
    '-set_serial',
    '0x7b7b7e5549c23661613cb3de89d6e4ed',
  ];
  openssl(
    project,
    'x509',
    '-req',
    '-in',
    'csr',
    ...ca,
    '-days',
    '7300',
    '-extfile',
    'ext',
    '-out',
    'cert.pem',
  );
  return keyset;
}
