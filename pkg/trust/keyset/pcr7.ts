import { type Host, readText } from '../../host/index.ts';
import { computePcr7, type FirmwareCertificate } from '../pcr7.ts';
import { parseCertificatePem } from '../pem.ts';
import { type KeysOptions, keysetFolder } from './folder.ts';

/** Which keys of a keyset firmware has in which list, in their order. */
export const firmwareKeys = {
  PK: ['uefi-pk'],
  KEK: ['uefi-kek'],
  db: ['uefi-db', 'uki-production', 'uki-limited', 'uki-tpm'],
} as const;

/** PCR 7 of a machine that enrolled the keyset and booted a file of each kind; hex. */
export type KeysetPcr7 = Readonly<Record<'production' | 'limited' | 'tpm', string>>;

/** `dbx` is a file with the content of that variable, where the firmware has one. */
export async function keysetPcr7(
  host: Host,
  keyset: string,
  options: KeysOptions & { readonly dbx?: string | undefined } = {},
): Promise<KeysetPcr7> {
  const folder = await keysetFolder(host, keyset, options);
  const read = (key: string) => readFirmwareCertificate(host, `${folder}/${key}`);
  const [pk, kek, db] = await Promise.all(
    [firmwareKeys.PK, firmwareKeys.KEK, firmwareKeys.db].map((keys) => Promise.all(keys.map(read))),
  );
  const dbx = options.dbx === undefined ? {} : { dbx: await host.files.read(options.dbx) };
  const of = async (key: string): Promise<string> => {
    const used = [await read('uefi-db'), await read(key)];
    return computePcr7({ pk: pk ?? [], kek: kek ?? [], db: db ?? [], ...dbx, used }).toString('hex');
  };
  return {
    production: await of('uki-production'),
    limited: await of('uki-limited'),
    tpm: await of('uki-tpm'),
  };
}

async function readFirmwareCertificate(host: Host, folder: string): Promise<FirmwareCertificate> {
  const [der] = parseCertificatePem(await host.files.read(`${folder}/cert.pem`));
  return { owner: (await readText(host, `${folder}/guid`)).trim(), der: der ?? new Uint8Array() };
}
