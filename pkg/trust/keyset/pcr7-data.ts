import { createPublicKey } from 'node:crypto';
import { type Host, writeAtomic } from '../../host/index.ts';
import { renderPem } from '../pem.ts';
import { luksPolicy, passwordPolicy } from '../tpm/policy.ts';
import { type BootPurpose, bootPurposes, pcr7Of } from './pcr7.ts';
import { readPair, signBytes } from './signer.ts';

/** Values of PCR 7 under one state of firmware, and the version that the policy for disks asks for. */
export type Pcr7Data = {
  readonly pcr7: Readonly<Record<BootPurpose, Uint8Array>>;
  readonly version: string;
};

export type SignedPolicies = {
  readonly keyset: string;
  readonly version: string;
  /** Of each purpose the value of PCR 7, hex, and its folder. */
  readonly entries: Readonly<Record<BootPurpose, { readonly pcr7: string; readonly path: string }>>;
};

/** The layout of the reference: `policy-2/pubkeys`, and a folder for each value of PCR 7. */
export const pcr7Layout = {
  policies: 'policy-2',
  keys: 'policy-2/pubkeys',
  info: 'info.json',
  luks: 'tpm_luks.policy.signed',
  password: 'tpm_passwd.policy.signed',
} as const;

const publicMode = 0o640;
/** The reference calls production "prod" here. */
export const valueFiles = {
  production: 'pcr_prod.bin',
  limited: 'pcr_limited.bin',
  tpm: 'pcr_tpm.bin',
} as const;

/** The reference reads PCR 7 as words and writes their bytes the other way round. */
export function pcr7Folder(pcr7: Uint8Array): string {
  const hex = Buffer.from(pcr7).swap16().toString('hex');
  return `${pcr7Layout.policies}/${hex.slice(0, 2)}/${hex.slice(2)}`;
}

/** Signs both policies and writes them to `pcr7data` of the keyset in `folder`. */
export async function writePcr7Data(
  host: Host,
  folder: string,
  keyset: string,
  { pcr7, version }: Pcr7Data,
): Promise<SignedPolicies> {
  const data = `${folder}/pcr7data`;
  const write = (path: string, content: string | Uint8Array) =>
    writeAtomic(host, `${data}/${path}`, content, { mode: publicMode });
  const admin = await readPair(host, `${folder}/tpmpol-admin`);
  const luks = await readPair(host, `${folder}/tpmpol-luks`);
  await makeFolder(host, `${data}/${pcr7Layout.keys}`);
  for (const [name, { key }] of Object.entries({ tpmpass: admin, luks })) {
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
    await write(`${pcr7Layout.keys}/${name}-${keyset}.pem`, renderPem('PUBLIC KEY', spki));
  }
  const contents: Readonly<Record<BootPurpose, Readonly<Record<string, Uint8Array>>>> = {
    production: { [pcr7Layout.luks]: signBytes(luks.key, luksPolicy(pcr7.production, version)) },
    tpm: { [pcr7Layout.password]: signBytes(admin.key, passwordPolicy(pcr7.tpm)) },
    limited: Object.fromEntries(bootPurposes.map((purpose) => [valueFiles[purpose], pcr7[purpose]])),
  };
  const entry = async (purpose: BootPurpose) => {
    const path = pcr7Folder(pcr7[purpose]);
    await makeFolder(host, `${data}/${path}`);
    for (const [name, content] of Object.entries(contents[purpose])) await write(`${path}/${name}`, content);
    await write(`${path}/${pcr7Layout.info}`, renderInfo(keyset, purpose, host.clock.now()));
    return { pcr7: Buffer.from(pcr7[purpose]).toString('hex'), path: `${data}/${path}` };
  };
  return {
    keyset,
    version,
    entries: {
      production: await entry('production'),
      limited: await entry('limited'),
      tpm: await entry('tpm'),
    },
  };
}

/** The policies for firmware that has nothing but the keyset. */
export async function writeComputedPcr7Data(
  host: Host,
  folder: string,
  keyset: string,
  version: string,
): Promise<void> {
  const { production, limited, tpm } = await pcr7Of(host, folder);
  const pcr7 = {
    production: Buffer.from(production, 'hex'),
    limited: Buffer.from(limited, 'hex'),
    tpm: Buffer.from(tpm, 'hex'),
  };
  await writePcr7Data(host, folder, keyset, { pcr7, version });
}

const makeFolder = (host: Host, path: string): Promise<void> =>
  host.files.makeFolder(path, { mode: 0o750, parents: true });

const renderInfo = (keyset: string, purpose: BootPurpose, now: Date): string =>
  JSON.stringify({
    key: keyset,
    key_type: purpose,
    est_date: now.toISOString().slice(0, 10).replaceAll('-', ''),
    comment: `mos ${keyset}`,
  });
