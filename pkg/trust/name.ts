import { MosError } from '../errors/index.ts';
import { childrenOf, type Der, derTag, expectTag, readObjectId, readText, sequenceOf } from './der.ts';

/** A distinguished name. Two names are the same when their bytes are, as Go and our keysets compare them. */
export type Name = {
  readonly raw: Uint8Array;
  /** undefined when there is none, or more than one. */
  readonly commonName: string | undefined;
  readonly serialNumber: string | undefined;
};

/** RFC 5280 appendix A.1 */
const commonName = '2.5.4.3';
const serialNumber = '2.5.4.5';

export function readName(value: Der | undefined): Name {
  const found = new Map<string, (string | undefined)[]>();
  for (const set of sequenceOf(value))
    for (const attribute of childrenOf(expectTag(set, derTag.set))) {
      const [type, text, ...rest] = sequenceOf(attribute);
      const name = readObjectId(type);
      if (text === undefined || rest.length > 0)
        throw new MosError('invalid', 'cannot read DER: an attribute of a name has not exactly one value');
      found.set(name, [...(found.get(name) ?? []), readText(text)]);
    }
  const only = (type: string): string | undefined => {
    const values = found.get(type) ?? [];
    return values.length === 1 ? values[0] : undefined;
  };
  return {
    raw: expectTag(value, derTag.sequence).raw,
    commonName: only(commonName),
    serialNumber: only(serialNumber),
  };
}

export const isSameName = (a: Name, b: Name): boolean => Buffer.from(a.raw).equals(b.raw);
