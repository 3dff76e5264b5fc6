/** A generator that gives the same numbers for the same seed (mulberry32), so that a failure can be repeated. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Mutation = (bytes: Buffer, random: (below: number) => number) => Buffer;

const at = (bytes: Buffer, random: (below: number) => number) => random(Math.max(1, bytes.length));
const edit = (bytes: Buffer, index: number, value: number): Buffer => {
  const copy = Buffer.from(bytes);
  if (index < copy.length) copy[index] = value & 0xff;
  return copy;
};
const interesting = [
  0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff, 0x30, 0x31, 0x02, 0x03, 0x05, 0x06, 0xa0, 0xa3,
];

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    const index = at(bytes, random);
    return edit(bytes, index, (bytes[index] ?? 0) ^ (1 << random(8)));
  },
  (bytes, random) => edit(bytes, at(bytes, random), random(256)),
  (bytes, random) => edit(bytes, at(bytes, random), interesting[random(interesting.length)] ?? 0),
  (bytes, random) => {
    const index = at(bytes, random);
    return edit(bytes, index, (bytes[index] ?? 0) + (random(2) === 0 ? 1 : -1));
  },
  (bytes, random) => bytes.subarray(0, at(bytes, random)),
  (bytes, random) => {
    const index = at(bytes, random);
    return Buffer.concat([bytes.subarray(0, index), bytes.subarray(index + 1 + random(8))]);
  },
  (bytes, random) => {
    const index = at(bytes, random);
    const inserted = Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256)));
    return Buffer.concat([bytes.subarray(0, index), inserted, bytes.subarray(index)]);
  },
  (bytes, random) => {
    const [from, to] = [at(bytes, random), at(bytes, random)];
    const piece = bytes.subarray(from, from + 1 + random(40));
    return Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to + piece.length)]);
  },
  (bytes, random) => Buffer.concat([bytes, Buffer.from([random(256)])]),
];

/** One to three random changes. */
export function mutate(bytes: Uint8Array, random: (below: number) => number): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let count = 1 + random(3); count > 0; count--)
    changed = (mutations[random(mutations.length)] as Mutation)(changed, random);
  return changed;
}
