import { createPublicKey, verify } from 'node:crypto';
import { type Host, listIfThere } from '../../host/index.ts';
import { pcr7Folder, pcr7Layout, valueFiles } from '../keyset/pcr7-data.ts';
import { luksPolicy, policyVersions } from './policy.ts';
import { readPolicyKey } from './signed.ts';

/**
 * The version that the policy for disks asks for, under the firmware that measured `pcr7` for a boot file of whatever
 * purpose; undefined where none is signed for that firmware. No file says it: the signature does.
 */
export async function findPolicyVersion(
  host: Host,
  folder: string,
  { pcr7, keyset }: { readonly pcr7: Uint8Array; readonly keyset: string },
): Promise<string | undefined> {
  const key = createPublicKey(Buffer.from(await readPolicyKey(host, folder, 'luks', keyset)));
  for (const production of [pcr7, ...(await productionValues(host, folder, pcr7))]) {
    const path = `${folder}/${pcr7Folder(production)}`;
    if (!(await listIfThere(host, path)).includes(pcr7Layout.luks)) continue;
    const signature = await host.files.read(`${path}/${pcr7Layout.luks}`);
    const isSigned = (version: string) => verify('sha256', luksPolicy(production, version), key, signature);
    const version = policyVersions.find(isSigned);
    if (version !== undefined) return version;
  }
  return undefined;
}

/** PCR 7 of a production boot file, of the states of firmware under which another boot file has this one. */
async function productionValues(host: Host, folder: string, pcr7: Uint8Array): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const path of await valueFolders(host, `${folder}/${pcr7Layout.policies}`)) {
    const read = (name: string) => host.files.read(`${path}/${name}`);
    const others = [await read(valueFiles.limited), await read(valueFiles.tpm)];
    if (others.some((value) => Buffer.from(value).equals(pcr7)))
      found.push(await read(valueFiles.production));
  }
  return found;
}

/** Those that know the values of all three boot files. */
async function valueFolders(host: Host, policies: string): Promise<string[]> {
  const found: string[] = [];
  for (const start of await listIfThere(host, policies))
    if (/^[0-9a-f]{2}$/.test(start))
      for (const rest of await host.files.list(`${policies}/${start}`)) {
        const path = `${policies}/${start}/${rest}`;
        if ((await host.files.list(path)).includes(valueFiles.production)) found.push(path);
      }
  return found;
}
