/** An address with its network: `10.0.3.99/24`, `fd00::2/64`. */
export type Address = { readonly value: bigint; readonly bits: number; readonly width: 32 | 128 };

/** Text with or without `/bits` (RFC 4632, RFC 4291 2.3); undefined where it is none. */
export function parseAddress(text: string): Address | undefined {
  const [host = '', bits, ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  const width = host.includes(':') ? 128 : 32;
  const value = width === 32 ? ipv4Value(host) : ipv6Value(host);
  if (value === undefined) return undefined;
  if (bits === undefined) return { value, bits: width, width };
  if (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > width) return undefined;
  return { value, bits: Number(bits), width };
}

function ipv4Value(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** RFC 4291 2.2, forms 1 and 2. The form with a dotted tail is not accepted. */
function ipv6Value(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const gap = 8 - head.length - tail.length;
  if (halves.length === 1 ? gap !== 0 : gap < 1) return undefined;
  const groups = [...head, ...Array<string>(gap).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

const renderIpv4 = (value: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');

/** RFC 5952: lower case, the first longest run of zero groups shortened. */
function renderIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16),
  );
  const runs = groups.join(':').matchAll(/\b0(?::0)+\b/g);
  let longest: RegExpMatchArray | undefined;
  for (const run of runs) if (longest === undefined || run[0].length > longest[0].length) longest = run;
  if (longest === undefined) return groups.join(':');
  const all = groups.join(':');
  const before = all.slice(0, longest.index).replace(/:$/, '');
  const after = all.slice((longest.index ?? 0) + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}

export const renderAddress = (address: Address): string =>
  `${address.width === 32 ? renderIpv4(address.value) : renderIpv6(address.value)}/${address.bits}`;

/** True where `address` lies in the network of `network`. */
export const isWithin = (address: Address, network: Address): boolean =>
  address.width === network.width &&
  address.value >> BigInt(network.width - network.bits) ===
    network.value >> BigInt(network.width - network.bits);
