import { isIPv4 } from 'node:net';

/** RFC 2131: ports of client and server. */
export const dhcpPorts = { from: 68, to: 67 } as const;

/** What a server gives; name servers only where it has some. */
export type Lease = {
  readonly address: string;
  /** Of the network, in bits. */
  readonly prefix: number;
  readonly router: string | undefined;
  readonly nameServers: readonly string[];
  /** Who gives it. */
  readonly server: string;
};

/** Who asks, and which of the answers are for it: six bytes of hardware address, four of our choice. */
export type Asker = { readonly hardware: Uint8Array; readonly transaction: Uint8Array };

export type Answer =
  | { readonly kind: 'offer' | 'acknowledged'; readonly lease: Lease }
  | { readonly kind: 'refused' };

/** RFC 2131, 2: offsets of the fixed part, and the cookie that begins the options. */
const fixed = { transaction: 4, flags: 10, yours: 16, hardware: 28, cookie: 236, options: 240, size: 300 };
const request = 1;
const reply = 2;
const ethernet = 1;
const hardwareLength = 6;
/** An address that isn't there yet can't be answered to: everybody shall hear it. */
const answerEverybody = 0x8000;
const cookie = 0x63825363;

/** RFC 2132 */
const code = {
  pad: 0,
  mask: 1,
  router: 3,
  nameServer: 6,
  wanted: 50,
  type: 53,
  server: 54,
  ask: 55,
  end: 255,
};
const types = { discover: 1, offer: 2, request: 3, acknowledged: 5, refused: 6 };

/** Asks all servers; with a lease that one of them has offered, for that one. */
export function renderDhcp({ hardware, transaction }: Asker, offered?: Lease): Uint8Array {
  const asked = [code.ask, 3, code.mask, code.router, code.nameServer];
  const options =
    offered === undefined
      ? [code.type, 1, types.discover, ...asked]
      : [
          ...[code.type, 1, types.request, ...asked],
          ...[code.wanted, 4, ...bytesOf(offered.address), code.server, 4, ...bytesOf(offered.server)],
        ];
  const message = Buffer.alloc(fixed.size);
  message.set([request, ethernet, hardwareLength]);
  message.set(transaction, fixed.transaction);
  message.writeUInt16BE(answerEverybody, fixed.flags);
  message.set(hardware, fixed.hardware);
  message.writeUInt32BE(cookie, fixed.cookie);
  message.set([...options, code.end], fixed.options);
  return message;
}

/** undefined of what is no answer to us: anybody on the link may send anything. */
export function parseDhcp(bytes: Uint8Array, asker: Asker): Answer | undefined {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (message.length < fixed.options || message[0] !== reply) return undefined;
  if (message.readUInt32BE(fixed.cookie) !== cookie) return undefined;
  if (!isAt(message, fixed.transaction, asker.transaction)) return undefined;
  if (!isAt(message, fixed.hardware, asker.hardware)) return undefined;
  const options = parseOptions(message.subarray(fixed.options));
  const type = options.get(code.type)?.[0];
  if (type === types.refused) return { kind: 'refused' };
  if (type !== types.offer && type !== types.acknowledged) return undefined;
  const lease = leaseOf(message, options);
  return lease && { kind: type === types.offer ? 'offer' : 'acknowledged', lease };
}

const isAt = (message: Buffer, at: number, wanted: Uint8Array): boolean =>
  message.subarray(at, at + wanted.length).equals(wanted);

/** One that is there again is the rest of the first (RFC 3396). */
function parseOptions(bytes: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const name = bytes[at++];
    if (name === undefined || name === code.end) break;
    if (name === code.pad) continue;
    const length = bytes[at++] ?? 0;
    if (at + length > bytes.length) break;
    options.set(name, Buffer.concat([options.get(name) ?? Buffer.alloc(0), bytes.subarray(at, at + length)]));
    at += length;
  }
  return options;
}

function leaseOf(message: Buffer, options: ReadonlyMap<number, Buffer>): Lease | undefined {
  const [mask] = addressesIn(options.get(code.mask));
  const [server] = addressesIn(options.get(code.server));
  const address = renderAddress(message.subarray(fixed.yours, fixed.yours + 4));
  const prefix = prefixOf(mask);
  if (server === undefined || prefix === undefined || !isHost(address)) return undefined;
  const [router] = addressesIn(options.get(code.router)).filter(isHost);
  const nameServers = addressesIn(options.get(code.nameServer)).filter(isHost);
  return { address, prefix, router, nameServers, server };
}

function addressesIn(bytes: Buffer = Buffer.alloc(0)): string[] {
  const found: string[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) found.push(renderAddress(bytes.subarray(at, at + 4)));
  return found;
}

const renderAddress = (bytes: Uint8Array): string => [...bytes].join('.');
const bytesOf = (address: string): number[] => address.split('.').map(Number);

/** Neither nobody, nor this machine, nor many. */
function isHost(address: string): boolean {
  const [first = 0] = bytesOf(address);
  return isIPv4(address) && first > 0 && first !== 127 && first < 224;
}

/** undefined of a mask with a hole, and of none. */
function prefixOf(mask: string | undefined): number | undefined {
  if (mask === undefined) return undefined;
  const bits = bytesOf(mask)
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  return /^1+0*$/.test(bits) ? bits.replaceAll('0', '').length : undefined;
}
