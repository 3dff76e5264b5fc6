import { MosError } from '../errors/index.ts';

const shape = /^([0-9A-F]{8})-([0-9A-F]{4})-([0-9A-F]{4})-([0-9A-F]{4})-([0-9A-F]{12})$/;

/** The 16 bytes on disk: the first three groups little-endian, the rest as written (UEFI 2.10 appendix A). */
export function guidBytes(guid: string): Buffer {
  const groups = shape.exec(guid.toUpperCase());
  if (!groups) throw new MosError('invalid', `cannot use ${JSON.stringify(guid)} as a GUID`);
  const [first, second, third, ...rest] = groups.slice(1).map((group) => Buffer.from(group, 'hex'));
  return Buffer.concat([...[first, second, third].map((group) => (group as Buffer).reverse()), ...rest]);
}

/** Upper case, as the types of FORMATS 8 are written. */
export function renderGuid(bytes: Uint8Array): string {
  const part = (from: number, to: number, turned: boolean) => {
    const piece = Buffer.from(bytes.subarray(from, to));
    return (turned ? piece.reverse() : piece).toString('hex').toUpperCase();
  };
  return [part(0, 4, true), part(4, 6, true), part(6, 8, true), part(8, 10, false), part(10, 16, false)].join(
    '-',
  );
}
