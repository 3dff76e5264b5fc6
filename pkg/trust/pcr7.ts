import { createHash } from 'node:crypto';
import { MosError } from '../errors/index.ts';

/** One certificate in a list of the firmware, with the GUID of who put it there. */
export type FirmwareCertificate = { readonly owner: string; readonly der: Uint8Array };

/** What firmware measures into PCR 7 before a boot file of ours runs. The order in the lists counts. */
export type SecureBootState = {
  readonly pk: readonly FirmwareCertificate[];
  readonly kek: readonly FirmwareCertificate[];
  readonly db: readonly FirmwareCertificate[];
  /** The bytes of the variable; none where there is no such variable. */
  readonly dbx?: Uint8Array;
  /** Of db, in the order in which they were first needed: what the loader is signed with, then the boot file. */
  readonly used: readonly FirmwareCertificate[];
};

/** EFI_GLOBAL_VARIABLE and EFI_IMAGE_SECURITY_DATABASE_GUID, UEFI 2.10, 3.3 and 32.6.1. */
const globalVariable = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const securityDatabase = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';
/** EFI_CERT_X509_GUID */
const x509 = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072';

/**
 * The value of PCR 7 in the SHA-256 bank (TCG PC Client Platform Firmware Profile 1.05, 3.3.4.8): the state of Secure
 * Boot, the lists, a separator, and each certificate by which something was started, once.
 */
export function computePcr7({ pk, kek, db, dbx = new Uint8Array(), used }: SecureBootState): Buffer {
  const events = [
    variable(globalVariable, 'SecureBoot', Buffer.of(1)),
    variable(globalVariable, 'PK', lists(pk)),
    variable(globalVariable, 'KEK', lists(kek)),
    variable(securityDatabase, 'db', lists(db)),
    variable(securityDatabase, 'dbx', dbx),
    Buffer.alloc(4),
    ...distinct(used).map(({ owner, der }) =>
      variable(securityDatabase, 'db', Buffer.concat([guid(owner), der])),
    ),
  ];
  return events.reduce((value, event) => sha256(Buffer.concat([value, sha256(event)])), Buffer.alloc(32));
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const distinct = (used: readonly FirmwareCertificate[]): FirmwareCertificate[] =>
  used.filter(({ der }, index) => used.findIndex((other) => Buffer.from(other.der).equals(der)) === index);

/** UEFI_VARIABLE_DATA: GUID, lengths of name and data, name in UTF-16, data. */
function variable(owner: string, name: string, data: Uint8Array): Buffer {
  const lengths = Buffer.alloc(16);
  lengths.writeBigUInt64LE(BigInt(name.length), 0);
  lengths.writeBigUInt64LE(BigInt(data.length), 8);
  return Buffer.concat([guid(owner), lengths, Buffer.from(name, 'utf16le'), data]);
}

/** One EFI_SIGNATURE_LIST for each certificate, UEFI 2.10, 32.4.1. */
const lists = (certificates: readonly FirmwareCertificate[]): Buffer =>
  Buffer.concat(
    certificates.map(({ owner, der }) => {
      const sizes = Buffer.alloc(12);
      sizes.writeUInt32LE(28 + 16 + der.length, 0);
      sizes.writeUInt32LE(16 + der.length, 8);
      return Buffer.concat([guid(x509), sizes, guid(owner), der]);
    }),
  );

/** The first three fields are numbers, lowest byte first. */
export function guid(text: string): Buffer {
  const match = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i.exec(text.trim());
  if (match === null)
    throw new MosError('invalid', `cannot read ${JSON.stringify(text.slice(0, 60))} as a GUID`);
  const [, a = '', b = '', c = '', d = '', e = ''] = match;
  return Buffer.concat([
    ...[a, b, c].map((field) => Buffer.from(field, 'hex').reverse()),
    Buffer.from(d + e, 'hex'),
  ]);
}
