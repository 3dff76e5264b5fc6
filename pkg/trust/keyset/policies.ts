import { MosError } from '../../errors/index.ts';
import { type Host, writeAtomic } from '../../host/index.ts';
import {
  checkPolicyVersion,
  firstPolicyVersion,
  luksPolicy,
  passwordPolicy,
  policyVersions,
} from '../tpm/policy.ts';
import { folderOfKeys, type KeysOptions, keysetFolder } from './folder.ts';
import { type BootPurpose, bootPurposes, keysetPcr7 } from './pcr7.ts';
import { type Pcr7Data, type SignedPolicies, writePcr7Data } from './pcr7-data.ts';
import { lockKeys } from './store.ts';

const onlyOwner = 0o400;

export type PolicyFiles = {
  /** Files with the value of PCR 7 under each key: 32 bytes, or 64 hexadecimal digits. */
  readonly production: string;
  readonly tpm: string;
  readonly version: string;
  /** Where the policies go. */
  readonly luks: string;
  readonly password: string;
};

/** Computes both policies; the files hold 32 bytes each, to be signed by `tpmpol-luks` and `tpmpol-admin`. */
export async function generatePolicies(host: Host, files: PolicyFiles): Promise<PolicyFiles> {
  const luks = luksPolicy(await readPcr(host, files.production), files.version);
  const password = passwordPolicy(await readPcr(host, files.tpm));
  await writeAtomic(host, files.password, password, { mode: onlyOwner });
  await writeAtomic(host, files.luks, luks, { mode: onlyOwner });
  return files;
}

export type Pcr7DataOptions = KeysOptions & {
  /** Files with values that were read on a machine; without them they are computed of the keyset. */
  readonly pcr7?: Readonly<Record<BootPurpose, string>> | undefined;
  readonly dbx?: string | undefined;
  readonly luks?: string | undefined;
  readonly password?: string | undefined;
  readonly version?: string | undefined;
};

/** Signs the policies for one state of firmware and adds them to the keyset; those for other states stay. */
export async function addPcr7Data(
  host: Host,
  keyset: string,
  options: Pcr7DataOptions = {},
): Promise<SignedPolicies> {
  const folder = await keysetFolder(host, keyset, options);
  const pcr7 = await valuesOf(host, keyset, options);
  const version = await versionOf(host, pcr7, options);
  await using _lock = await lockKeys(host, folderOfKeys(host, options), `keyset ${keyset}`);
  return writePcr7Data(host, folder, keyset, { pcr7, version });
}

async function valuesOf(host: Host, keyset: string, options: Pcr7DataOptions): Promise<Pcr7Data['pcr7']> {
  const { pcr7 } = options;
  const computed = pcr7 === undefined ? await keysetPcr7(host, keyset, options) : undefined;
  const of = async (purpose: BootPurpose): Promise<Uint8Array> =>
    pcr7 === undefined ? Buffer.from(computed?.[purpose] ?? '', 'hex') : readPcr(host, pcr7[purpose]);
  const [production, limited, tpm] = await Promise.all(bootPurposes.map(of));
  if (!production || !limited || !tpm) throw new MosError('internal', 'cannot know PCR 7 of each purpose');
  return { production, limited, tpm };
}

/** Policies that were given must be those of the values: what the key signs opens disks. */
async function versionOf(host: Host, pcr7: Pcr7Data['pcr7'], options: Pcr7DataOptions): Promise<string> {
  if (options.password !== undefined) {
    const given = await host.files.read(options.password);
    if (!passwordPolicy(pcr7.tpm).equals(given)) throw otherPolicy(options.password);
  }
  if (options.luks === undefined) return checkPolicyVersion(options.version ?? firstPolicyVersion);
  const given = await host.files.read(options.luks);
  const version = policyVersions.find((one) => luksPolicy(pcr7.production, one).equals(given));
  if (version === undefined) throw otherPolicy(options.luks);
  return version;
}

const otherPolicy = (file: string): MosError =>
  new MosError('invalid', `cannot sign ${file}: it is not the policy of the given PCR 7`, {
    hint: 'trust tpm-policy-gen makes it of the same files',
  });

async function readPcr(host: Host, file: string): Promise<Uint8Array> {
  const bytes = await host.files.read(file);
  if (bytes.length === 32) return bytes;
  const text = Buffer.from(bytes).toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new MosError(
    'invalid',
    `cannot use ${file} as PCR 7: it has neither 32 bytes nor 64 hexadecimal digits`,
  );
}
