import { MosError } from '../errors/index.ts';

/**
 * Every reason why a signed document is not believed. The order is how near it came to being believed: of several
 * certificates the one that came nearest is reported. README.md shows this table; a test compares them.
 */
export const refusals = {
  'no-certificate': {
    text: 'no certificate came with it',
    hint: 'publish it with its certificate and signature',
  },
  'no-signature': {
    text: 'no signature came with it',
    hint: 'publish it with its certificate and signature',
  },
  malformed: { text: 'its certificate is malformed ({detail})', hint: undefined },
  'key-type': {
    text: 'its certificate is of a kind that is not accepted ({detail})',
    hint: 'use RSA with at least 2048 bits, ECDSA P-256 or Ed25519, with SHA-256',
  },
  'unknown-ca': {
    text: 'its certificate "{subject}" was not signed by a CA of {anchors}',
    hint: 'give the right CA file, or publish with a project of that keyset',
  },
  'ca-flag': { text: 'its CA "{issuer}" is no CA: the CA flag is missing', hint: undefined },
  'ca-usage': {
    text: 'its CA "{issuer}" may not sign certificates: KeyUsage lacks keyCertSign',
    hint: undefined,
  },
  'ca-critical': {
    text: 'its CA "{issuer}" has a critical extension that is not understood ({detail})',
    hint: undefined,
  },
  'path-length': {
    text: 'more CAs stand between its certificate and "{issuer}" than that one allows ({detail})',
    hint: undefined,
  },
  critical: {
    text: 'its certificate "{subject}" has a critical extension that is not understood ({detail})',
    hint: undefined,
  },
  'leaf-usage': {
    text: 'its certificate "{subject}" may not sign: KeyUsage lacks digitalSignature',
    hint: undefined,
  },
  'leaf-purpose': {
    text: 'its certificate "{subject}" is not for this purpose: ExtendedKeyUsage lacks {detail}',
    hint: undefined,
  },
  'not-yet-valid': {
    text: 'the certificate "{subject}" is valid only from {detail}',
    hint: 'look at the clock of this machine',
  },
  expired: {
    text: 'the certificate "{subject}" has expired at {detail}',
    hint: 'ask its publisher to sign again with a new certificate',
  },
  revoked: {
    text: 'its certificate "{subject}" was revoked',
    hint: 'ask its publisher to sign again with a new certificate',
  },
  'no-product': {
    text: 'its certificate "{subject}" names no product',
    hint: 'publish with a project of a keyset: trust project add',
  },
  'no-identity': {
    text: 'its certificate "{subject}" names no product and serial',
    hint: 'make one with trust sudi add',
  },
  'no-role': {
    text: 'its certificate "{subject}" names no role',
    hint: 'make one with trust api-client add',
  },
  signature: {
    text: 'no signature fits its bytes',
    hint: 'it was changed after it was signed, or signed with another key',
  },
  'manifest-product': {
    text: 'its certificate is for product {detail}',
    hint: 'publish it with the project of its product',
  },
  'machine-product': { text: 'it is for product {detail}', hint: undefined },
  outdated: {
    text: 'its publisher allows nobody to accept it after {detail}',
    hint: 'ask for a newer one',
  },
  'ticket-serial': { text: 'it is for the machine {detail}', hint: undefined },
  'ticket-floor': {
    text: 'it is for a machine with the floor {detail}',
    hint: 'ask for one with the present floor: mosctl status shows it',
  },
  'ticket-used': { text: 'it was used before', hint: 'ask for a new one: a ticket is good for one time' },
  'index-malformed': { text: 'its {subject} is malformed ({detail})', hint: undefined },
  'index-signatures': {
    text: 'its {subject} is signed by {detail}',
    hint: 'ask its publisher to sign it: mosb release sign',
  },
  'index-product': { text: 'its {subject} is for product {detail}', hint: undefined },
  'index-channel': { text: 'its {subject} is for the channel {detail}', hint: undefined },
  'index-swapped': { text: 'its {subject} is not the one that was signed: {detail}', hint: undefined },
  'index-older': {
    text: 'its {subject} has version {detail}',
    hint: 'somebody put an old copy back, or this mirror is behind',
  },
  'index-expired': {
    text: 'its {subject} has expired at {detail}',
    hint: 'ask its publisher to sign it again (mosb release sign), or look at the clock of this machine',
  },
} as const satisfies Record<string, { text: string; hint: string | undefined }>;

export type RefusalKind = keyof typeof refusals;
export type RefusalWords = Readonly<Partial<Record<'subject' | 'issuer' | 'anchors' | 'detail', string>>>;

/** Why one certificate or document was not believed; becomes a MosError at the edge of the package. */
export class Refusal extends Error {
  readonly kind: RefusalKind;
  constructor(kind: RefusalKind, words: RefusalWords = {}) {
    super(
      refusals[kind].text.replaceAll(/\{(\w+)\}/g, (_, word: keyof RefusalWords) =>
        printable(words[word] ?? '?'),
      ),
    );
    this.kind = kind;
  }
}

/** Names come from unverified bytes: no control character or endless text of theirs reaches a terminal. */
const printable = (text: string): string =>
  [...text]
    .map((c) => (/[\p{C}\u2028\u2029"]/u.test(c) ? '?' : c))
    .slice(0, 200)
    .join('');

const order = Object.keys(refusals) as RefusalKind[];

/** The one that came nearest to being believed. */
export const nearest = (found: readonly Refusal[]): Refusal | undefined =>
  found.toSorted((a, b) => order.indexOf(b.kind) - order.indexOf(a.kind))[0];

export function refusalError(what: string, refusal: Refusal, others = 0): MosError {
  const { hint } = refusals[refusal.kind];
  const more =
    others > 0 ? ` (${others} other ${others === 1 ? 'certificate' : 'certificates'} refused too)` : '';
  return new MosError(
    'untrusted',
    `cannot trust ${what}: ${refusal.message}${more}`,
    hint === undefined ? {} : { hint },
  );
}
