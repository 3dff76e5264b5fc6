import { type Host, readText, writeAtomic } from '../../host/index.ts';
import { describeCertificates, firmwareKeys } from '../../trust/index.ts';
import { folderOfKey } from './parts.ts';

/** Who may change which list (UEFI 2.10, 8.2.2 "Using the EFI_VARIABLE_AUTHENTICATION_2 descriptor"). */
const signers = { PK: 'uefi-pk', KEK: 'uefi-pk', db: 'uefi-kek' } as const;

/**
 * `PK.auth`, `KEK.auth`, `db.auth`: what systemd-boot enrols from `loader/keys/auto`, and what firmware's own menus take;
 * `*.esl`: the lists alone. They have the time of the newest certificate, so that a later keyset may replace them.
 */
export async function writeEnrolment(host: Host, keyset: string, folder: string): Promise<void> {
  await host.files.makeFolder(folder);
  const time = await newestTime(host, keyset);
  for (const [name, keys] of Object.entries(firmwareKeys)) {
    const lists: Uint8Array[] = [];
    for (const key of keys) lists.push(await signatureList(host, keyset, key, folder));
    const list = `${folder}/${name}.esl`;
    await writeAtomic(host, list, Buffer.concat(lists));
    const signer = await folderOfKey(host, keyset, signers[name as keyof typeof signers]);
    const signing = ['-k', `${signer}/privkey.pem`, '-c', `${signer}/cert.pem`];
    await host.processes.run([
      'sign-efi-sig-list',
      '-t',
      time,
      ...signing,
      name,
      list,
      `${folder}/${name}.auth`,
    ]);
  }
}

async function signatureList(host: Host, keyset: string, key: string, folder: string): Promise<Uint8Array> {
  const from = await folderOfKey(host, keyset, key);
  const guid = (await readText(host, `${from}/guid`)).trim();
  const file = `${folder}/one.esl`;
  await host.processes.run(['cert-to-efi-sig-list', '-g', guid, `${from}/cert.pem`, file]);
  const list = await host.files.read(file);
  await host.files.remove(file);
  return list;
}

async function newestTime(host: Host, keyset: string): Promise<string> {
  const times: number[] = [];
  for (const key of Object.values(firmwareKeys).flat()) {
    const pem = await host.files.read(`${await folderOfKey(host, keyset, key)}/cert.pem`);
    for (const { notBefore } of describeCertificates(pem)) times.push(new Date(notBefore).getTime());
  }
  return new Date(Math.max(...times)).toISOString().slice(0, 19).replace('T', ' ');
}
