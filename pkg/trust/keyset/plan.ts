import type { KeyType } from '../algorithms.ts';

/** One attribute of a name: values of one type share a relative name, as Go writes them. */
export type SubjectPart = {
  readonly type: 'O' | 'OU' | 'CN' | 'SERIALNUMBER';
  readonly values: readonly string[];
};

/** `ca` signs certificates, `signing` documents and boot files, `exchange` is the UEFI KEK, `identity` a machine, `client` who calls a machine. */
export type CertificateUse = 'ca' | 'signing' | 'exchange' | 'identity' | 'client';

/** One certificate to be made, as data. */
export type CertificatePlan = {
  readonly subject: readonly SubjectPart[];
  readonly use: CertificateUse;
  readonly keyType: KeyType;
  readonly notBefore: Date;
  readonly notAfter: Date;
};

/** A certificate of a keyset, the folder it goes to, and the folder of the CA that signs it (none: it signs itself). */
export type KeysetEntry = {
  readonly folder: string;
  readonly plan: CertificatePlan;
  readonly signedBy: string | undefined;
  /** The firmware knows the owner of a key by a guid. */
  readonly guid: boolean;
};

/** Every folder of a keyset, FORMATS 5. */
export const keysetFolders = [
  'manifest',
  'manifest-ca',
  'pcr7data',
  'sudi-ca',
  'tpmpol-admin',
  'tpmpol-luks',
  'uefi-db',
  'uefi-kek',
  'uefi-pk',
  'uki-limited',
  'uki-production',
  'uki-tpm',
] as const;

export const firstProject = 'default';

/** As long as a machine may live: RFC 5280 has no way to say "never". */
const endOfIdentity = new Date('2099-12-31T23:00:00Z');

const yearsAfter = (start: Date, years: number): Date => {
  const end = new Date(start);
  end.setUTCFullYear(end.getUTCFullYear() + years);
  return end;
};

const wholeSeconds = (time: Date): Date => new Date(Math.floor(time.getTime() / 1000) * 1000);

/**
 * Firmware verifies RSA-2048 everywhere and little else, and a TPM policy is signed by RSA here; so `keyType` is the
 * choice for what mos itself verifies.
 */
export function planKeyset(
  keyset: string,
  organizations: readonly string[],
  keyType: KeyType,
  now: Date,
): readonly KeysetEntry[] {
  const start = wholeSeconds(now);
  const entry = (
    folder: (typeof keysetFolders)[number],
    name: string,
    use: CertificateUse,
    end: Date,
    more: Partial<Pick<KeysetEntry, 'signedBy' | 'guid'>> & { keyType?: KeyType } = {},
  ): KeysetEntry => ({
    folder,
    plan: {
      subject: [
        ...(organizations.length === 0 ? [] : [{ type: 'O', values: organizations } as const]),
        { type: 'OU', values: [`Project Machine Project ${keyset}`] },
        { type: 'CN', values: [name] },
      ],
      use,
      keyType: more.keyType ?? 'rsa',
      notBefore: start,
      notAfter: end,
    },
    signedBy: more.signedBy,
    guid: more.guid ?? false,
  });
  const quarter = yearsAfter(start, 25);
  const half = yearsAfter(start, 50);
  return [
    entry('manifest-ca', 'Manifest rootCA', 'ca', quarter, { keyType }),
    entry('sudi-ca', 'SUDI rootCA', 'ca', endOfIdentity, { keyType }),
    entry('uefi-pk', 'UEFI PK', 'ca', half, { guid: true }),
    entry('uefi-kek', 'UEFI KEK', 'exchange', half, { guid: true, signedBy: 'uefi-pk' }),
    entry('uefi-db', 'UEFI DB', 'signing', quarter, { guid: true }),
    entry('uki-limited', 'UKI Limited', 'signing', quarter, { guid: true }),
    entry('uki-production', 'UKI Production', 'signing', quarter, { guid: true }),
    entry('uki-tpm', 'UKI TPM', 'signing', quarter, { guid: true }),
    entry('tpmpol-admin', 'TPM EAPolicy Admin', 'signing', quarter),
    entry('tpmpol-luks', 'TPM EAPolicy LUKS', 'signing', quarter),
  ];
}

export const planProject = (uuid: string, keyType: KeyType, now: Date): CertificatePlan => ({
  subject: [{ type: 'CN', values: [`manifest PRODUCT:${uuid}`] }],
  use: 'signing',
  keyType,
  notBefore: wholeSeconds(now),
  notAfter: yearsAfter(wholeSeconds(now), 20),
});

export const planSudi = (uuid: string, serial: string, keyType: KeyType, now: Date): CertificatePlan => ({
  subject: [
    { type: 'CN', values: [serial] },
    { type: 'SERIALNUMBER', values: [`PID:${uuid} SN:${serial}`] },
  ],
  use: 'identity',
  keyType,
  notBefore: wholeSeconds(now),
  notAfter: endOfIdentity,
});

/** The CA whose clients a machine's API listens to; not one of the reference's, so it is made when it is wanted. */
export const planApiCa = (keyset: string, keyType: KeyType, now: Date): CertificatePlan => ({
  subject: [
    { type: 'OU', values: [`Project Machine Project ${keyset}`] },
    { type: 'CN', values: ['API rootCA'] },
  ],
  use: 'ca',
  keyType,
  notBefore: wholeSeconds(now),
  notAfter: yearsAfter(wholeSeconds(now), 25),
});

const hour = 60 * 60 * 1000;
/** Clocks differ a little: a certificate made now must work on a machine that is behind. */
const earlier = 5 * 60 * 1000;

export const planApiClient = (
  name: string,
  role: string,
  hours: number,
  keyType: KeyType,
  now: Date,
): CertificatePlan => ({
  subject: [
    { type: 'CN', values: [name] },
    { type: 'SERIALNUMBER', values: [`ROLE:${role}`] },
  ],
  use: 'client',
  keyType,
  notBefore: wholeSeconds(new Date(now.getTime() - earlier)),
  notAfter: wholeSeconds(new Date(now.getTime() + hours * hour)),
});
