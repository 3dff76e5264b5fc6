import { MosError } from '../errors/index.ts';
import {
  contextTag,
  type Der,
  derTag,
  expectTag,
  parseDer,
  readBits,
  readBoolean,
  readObjectId,
  readSmallNumber,
  sequenceOf,
} from './der.ts';

/** Bits of KeyUsage, RFC 5280 4.2.1.3. */
export type KeyUsage = 'digitalSignature' | 'keyCertSign' | 'cRLSign';

export type Extensions = {
  /** The CA flag of BasicConstraints. */
  readonly isCa: boolean;
  /** How many CAs may stand between this one and the leaf; undefined: any number. */
  readonly pathLength: number | undefined;
  /** undefined: the extension is absent. */
  readonly keyUsage: readonly KeyUsage[] | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Critical extensions that we don't know: RFC 5280 4.2 asks to refuse such a certificate. */
  readonly unknownCritical: readonly string[];
};

/** RFC 5280 4.2.1 */
const basicConstraints = '2.5.29.19';
const keyUsage = '2.5.29.15';
const extendedKeyUsage = '2.5.29.37';
const subjectKeyId = '2.5.29.14';
const authorityKeyId = '2.5.29.35';

/** Name and policy constraints, inhibitAnyPolicy: they restrict a CA and we don't apply them, so they count as critical. */
const restricting: readonly string[] = ['2.5.29.30', '2.5.29.36', '2.5.29.54'];

export const codeSigning = '1.3.6.1.5.5.7.3.3';
export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';

const versionThree = 2;

const bad = (why: string): MosError => new MosError('invalid', `cannot read the certificate: ${why}`);

/** `version` is the explicit `[0]` field, `optional` what follows the public key: unique ids and extensions. */
export function readExtensions(version: Der | undefined, optional: readonly Der[]): Extensions {
  const isThree = version !== undefined && readSmallNumber(parseDer(version.content)) === versionThree;
  const [list, ...rest] = optional;
  if (rest.length > 0 || (list !== undefined && (list.tag !== contextTag(3) || !isThree)))
    throw bad('fields that only other versions have');
  const found = list === undefined ? new Map<string, Extension>() : readList(parseDer(list.content));
  checkKeyIds(found);
  const known = [basicConstraints, keyUsage, extendedKeyUsage];
  return {
    ...readBasicConstraints(found.get(basicConstraints)),
    keyUsage: readKeyUsage(found.get(keyUsage)),
    extendedKeyUsage: readExtendedKeyUsage(found.get(extendedKeyUsage)),
    unknownCritical: [...found]
      .filter(([name, e]) => (e.critical || restricting.includes(name)) && !known.includes(name))
      .map(([name]) => name),
  };
}

/** Issuers are found by their signatures, so these aren't used; malformed ones are refused as openssl does. */
function checkKeyIds(found: ReadonlyMap<string, Extension>): void {
  const own = found.get(subjectKeyId);
  const issuers = found.get(authorityKeyId);
  if (own !== undefined) parseDer(own.value, derTag.octetString);
  if (issuers !== undefined) sequenceOf(parseDer(issuers.value));
}

export type Extension = { readonly critical: boolean; readonly value: Uint8Array };

/** RFC 5280 4.2: no extension may stand there twice. */
export function readList(list: Der): Map<string, Extension> {
  const found = new Map<string, Extension>();
  for (const entry of sequenceOf(list)) {
    const [type, ...fields] = sequenceOf(entry);
    const name = readObjectId(type);
    const critical = fields[0]?.tag === derTag.boolean ? readBoolean(fields.shift() as Der) : false;
    if (fields.length !== 1 || found.has(name))
      throw bad(`the extension ${name} is malformed or stands there twice`);
    found.set(name, { critical, value: expectTag(fields[0], derTag.octetString).content });
  }
  return found;
}

function readBasicConstraints(extension: Extension | undefined): Pick<Extensions, 'isCa' | 'pathLength'> {
  if (extension === undefined) return { isCa: false, pathLength: undefined };
  const fields = sequenceOf(parseDer(extension.value));
  const isCa = fields[0]?.tag === derTag.boolean ? readBoolean(fields.shift() as Der) : false;
  const pathLength = fields.length === 0 ? undefined : readSmallNumber(fields.shift());
  if (fields.length > 0) throw bad('BasicConstraints with unknown fields');
  return { isCa, pathLength };
}

function readKeyUsage(extension: Extension | undefined): readonly KeyUsage[] | undefined {
  if (extension === undefined) return undefined;
  const first = readBits(parseDer(extension.value), true)[0] ?? 0;
  const bits: Readonly<Record<KeyUsage, number>> = {
    digitalSignature: 0x80,
    keyCertSign: 0x04,
    cRLSign: 0x02,
  };
  return (Object.keys(bits) as KeyUsage[]).filter((name) => (first & bits[name]) !== 0);
}

const readExtendedKeyUsage = (extension: Extension | undefined): readonly string[] | undefined =>
  extension === undefined ? undefined : sequenceOf(parseDer(extension.value)).map(readObjectId);
