import { createPrivateKey, randomUUID } from 'node:crypto';
import { MosError } from '../../errors/index.ts';
import { type Host, readText } from '../../host/index.ts';
import type { KeyType } from '../algorithms.ts';
import { parseCertificatePem } from '../pem.ts';
import { firstPolicyVersion } from '../tpm/policy.ts';
import { checkName, folderOfKeys, type KeysOptions, keysetFolder, projectFolder } from './folder.ts';
import { type Credentials, generateKeys, type Issuer, issue } from './issue.ts';
import { writeComputedPcr7Data } from './pcr7-data.ts';
import { firstProject, type KeysetEntry, keysetFolders, planKeyset, planProject, planSudi } from './plan.ts';
import { readPair } from './signer.ts';
import { makeWhole, newFolder, writeCredentials, writeText } from './store.ts';

export type AddedProject = {
  readonly keyset: string;
  readonly project: string;
  readonly path: string;
  /** The uuid that manifests name as their product. */
  readonly product: string;
};
export type AddedKeyset = { readonly keyset: string; readonly path: string; readonly project: AddedProject };
export type AddedSudi = {
  readonly keyset: string;
  readonly project: string;
  readonly serial: string;
  readonly path: string;
};

export type KeysetOptions = KeysOptions & {
  /** O of each subject. */
  readonly organizations?: readonly string[] | undefined;
  /** Of what mos itself verifies; keys for firmware and TPM are RSA-2048 always. */
  readonly keyType?: KeyType | undefined;
};

/** All keys and certificates of one vendor, with a first project. It gets its name at the very end, or nothing is left. */
export async function addKeyset(
  host: Host,
  keyset: string,
  options: KeysetOptions = {},
): Promise<AddedKeyset> {
  const keys = folderOfKeys(host, options);
  const path = `${keys}/${checkName('keyset', keyset)}`;
  const { organizations = [], keyType = 'rsa' } = options;
  checkOrganizations(organizations);
  const now = host.clock.now();
  const product = randomUUID();
  const project = `manifest/${firstProject}`;
  await makeWhole(host, keys, path, `keyset ${keyset}`, async (folder) => {
    for (const name of keysetFolders) await newFolder(host, `${folder}/${name}`);
    const entries: KeysetEntry[] = [
      ...planKeyset(keyset, organizations, keyType, now),
      { folder: project, plan: planProject(product, keyType, now), signedBy: 'manifest-ca', guid: false },
    ];
    const made = await issueAll(entries);
    await newFolder(host, `${folder}/${project}`);
    await fillProject(host, `${folder}/${project}`, product);
    for (const { folder: name, guid } of entries)
      await writeCredentials(host, `${folder}/${name}`, made.get(name) as Credentials, guid);
    await host.files.syncFolder(`${folder}/manifest`);
    await writeComputedPcr7Data(host, folder, keyset, firstPolicyVersion);
  });
  return { keyset, path, project: { keyset, project: firstProject, path: `${path}/${project}`, product } };
}

/** Keys at the same time, certificates in the order of the list: a CA stands before what it signs. */
async function issueAll(entries: readonly KeysetEntry[]): Promise<Map<string, Credentials>> {
  const keys = await Promise.all(entries.map(({ plan }) => generateKeys(plan.keyType)));
  const made = new Map<string, Credentials>();
  for (const [index, { folder, plan, signedBy }] of entries.entries()) {
    const ca = signedBy === undefined ? undefined : made.get(signedBy);
    const own = keys[index];
    if (own !== undefined) made.set(folder, await issue(plan, own, ca && toIssuer(ca)));
  }
  return made;
}

const toIssuer = ({ certificate, key }: Credentials): Issuer => ({
  der: parseCertificatePem(Buffer.from(certificate))[0] as Uint8Array,
  key: createPrivateKey(key),
});

async function fillProject(host: Host, folder: string, product: string): Promise<void> {
  await writeText(host, `${folder}/uuid`, product);
  await newFolder(host, `${folder}/sudi`);
}

/** RFC 5280 appendix A.1: an organization has at most 64 characters. */
function checkOrganizations(organizations: readonly string[]): void {
  const bad = organizations.find((name) => name.trim() === '' || name.length > 64 || /\p{C}/u.test(name));
  if (bad !== undefined)
    throw new MosError(
      'usage',
      `cannot use ${JSON.stringify(bad.slice(0, 100))} as an organization: 1 to 64 printable characters are allowed`,
    );
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A new product of a keyset; with `product` a further key for one that exists (key rotation). */
export async function addProject(
  host: Host,
  keyset: string,
  project: string,
  options: KeysOptions & { readonly product?: string | undefined } = {},
): Promise<AddedProject> {
  const base = await keysetFolder(host, keyset, options);
  const path = `${base}/manifest/${checkName('project', project)}`;
  const product = options.product ?? randomUUID();
  if (!uuidPattern.test(product))
    throw new MosError(
      'usage',
      `cannot use ${JSON.stringify(product.slice(0, 100))} as a product: it is no uuid in lower case`,
    );
  await makeWhole(host, folderOfKeys(host, options), path, `project ${keyset}:${project}`, async (folder) => {
    await fillProject(host, folder, product);
    const ca = await readPair(host, `${base}/manifest-ca`);
    const plan = planProject(product, ca.certificate.key.type, host.clock.now());
    const made = await issue(plan, await generateKeys(plan.keyType), {
      der: ca.certificate.der,
      key: ca.key,
    });
    await writeCredentials(host, folder, made);
  });
  return { keyset, project, path, product };
}

/** The identity certificate of one machine; without a serial a random uuid. */
export async function addSudi(
  host: Host,
  keyset: string,
  project: string,
  serial: string = randomUUID(),
  options: KeysOptions = {},
): Promise<AddedSudi> {
  const base = await keysetFolder(host, keyset, options);
  const parent = await projectFolder(host, keyset, project, options);
  const path = `${parent}/sudi/${checkName('serial', serial)}`;
  await makeWhole(host, folderOfKeys(host, options), path, `serial ${serial}`, async (folder) => {
    const product = (await readText(host, `${parent}/uuid`)).trim();
    const ca = await readPair(host, `${base}/sudi-ca`);
    const plan = planSudi(product, serial, ca.certificate.key.type, host.clock.now());
    const made = await issue(plan, await generateKeys(plan.keyType), {
      der: ca.certificate.der,
      key: ca.key,
    });
    await writeCredentials(host, folder, made);
  });
  return { keyset, project, serial, path };
}
