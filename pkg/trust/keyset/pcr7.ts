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

/** What a boot file is for: its key decides what the TPM gives to it. */
export const bootPurposes = ['production', 'limited', 'tpm'] as const;
export type BootPurpose = (typeof bootPurposes)[number];

/** PCR 7 of a machine that enrolled the keyset and booted a file of each kind; hex. */
export type KeysetPcr7 = Readonly<Record<BootPurpose, string>>;

/** `dbx` is a file with the content of that variable, where the firmware has one. */
export async function keysetPcr7(
  host: Host,
  keyset: string,
  options: KeysOptions & { readonly dbx?: string | undefined } = {},
): Promise<KeysetPcr7> {
  const dbx = options.dbx === undefined ? undefined : await host.files.read(options.dbx);
  return pcr7Of(host, await keysetFolder(host, keyset, options), dbx);
}

/** The same of the folder of a keyset, also of one that is being made. */
export async function pcr7Of(host: Host, folder: string, dbx?: Uint8Array): Promise<KeysetPcr7> {
  const read = (key: string) => readFirmwareCertificate(host, `${folder}/${key}`);
  const [pk, kek, db] = await Promise.all(
    [firmwareKeys.PK, firmwareKeys.KEK, firmwareKeys.db].map((keys) => Promise.all(keys.map(read))),
  );
  const of = async (key: string): Promise<string> => {
    const used = [await read('uefi-db'), await read(key)];
    const state = { pk: pk ?? [], kek: kek ?? [], db: db ?? [], used };
    return computePcr7(dbx === undefined ? state : { ...state, dbx }).toString('hex');
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
