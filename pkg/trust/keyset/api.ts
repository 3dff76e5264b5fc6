import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { type ApiRole, apiRoles } from '../api-client.ts';
import { checkName, folderOfKeys, type KeysOptions, keysetFolder } from './folder.ts';
import { type Credentials, generateKeys, issue } from './issue.ts';
import { planApiCa, planApiClient } from './plan.ts';
import { readPair } from './signer.ts';
import { makeWhole, newFolder, writeCredentials } from './store.ts';

export type AddedApiCa = { readonly keyset: string; readonly path: string };
export type AddedApiClient = {
  readonly keyset: string;
  readonly name: string;
  readonly role: ApiRole;
  readonly notAfter: string;
  readonly path: string;
};

/** The CA of who may call the machines of a keyset. Its cert.pem goes to `factory/secure/apiCA.pem` of a machine. */
export async function addApiCa(host: Host, keyset: string, options: KeysOptions = {}): Promise<AddedApiCa> {
  const base = await keysetFolder(host, keyset, options);
  const path = `${base}/api-ca`;
  await makeWhole(host, folderOfKeys(host, options), path, `API CA of ${keyset}`, async (folder) => {
    const { certificate } = await readPair(host, `${base}/manifest-ca`);
    const plan = planApiCa(keyset, certificate.key.type, host.clock.now());
    await writeCredentials(host, folder, await issue(plan, await generateKeys(plan.keyType)));
    await newFolder(host, `${folder}/clients`);
  });
  return { keyset, path };
}

export type ApiClientRequest = { readonly name: string; readonly role: ApiRole; readonly hours: number };

/** As long as a year: what is meant to last longer is meant to be renewed. */
const longest = 366 * 24;

/** A key with a certificate that says who calls and what they may do, for some hours. */
export async function addApiClient(
  host: Host,
  keyset: string,
  { name, role, hours }: ApiClientRequest,
  options: KeysOptions = {},
): Promise<AddedApiClient> {
  const ca = `${await keysetFolder(host, keyset, options)}/api-ca`;
  const path = `${ca}/clients/${checkName('client', name)}`;
  if (!apiRoles.includes(role) || !Number.isInteger(hours) || hours < 1 || hours > longest)
    throw new MosError(
      'usage',
      `cannot make ${name}: the role is one of ${apiRoles.join(', ')}, the hours 1 to ${longest}`,
    );
  if ((await host.files.stat(ca)) === undefined)
    throw new MosError('not-found', `cannot make ${name}: the keyset ${keyset} has no API CA`, {
      hint: `make one: trust api-ca add ${keyset}`,
    });
  const issuer = await readPair(host, ca);
  const plan = planApiClient(name, role, hours, issuer.certificate.key.type, host.clock.now());
  await makeWhole(host, folderOfKeys(host, options), path, `client ${name}`, async (folder) => {
    const made: Credentials = await issue(plan, await generateKeys(plan.keyType), {
      der: issuer.certificate.der,
      key: issuer.key,
    });
    await writeCredentials(host, folder, made);
  });
  return { keyset, name, role, notAfter: plan.notAfter.toISOString(), path };
}
