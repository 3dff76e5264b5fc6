import { constants } from 'node:os';
import type { BroadcastSocket, Network } from '../network.ts';
import type { Descriptor } from './descriptor.ts';
import { checked, errnoError } from './errors.ts';
import { type Libc, libc } from './libc/index.ts';
import { families, nonBlocking, openSocket, setOption } from './socket.ts';
import { syscalls } from './syscalls.ts';

/** asm-generic/socket.h */
const option = { reuseAddress: 2, broadcast: 6, bindToDevice: 25 } as const;
/** linux/sockios.h */
const requests = {
  addRoute: 0x890b,
  getFlags: 0x8913,
  setFlags: 0x8914,
  setAddress: 0x8916,
  setMask: 0x891c,
};
/** linux/if.h: struct ifreq, and IFF_UP */
const interfaceRequest = { size: 40, name: 16, nameLimit: 15, isUp: 1 } as const;
/** linux/route.h: struct rtentry of 64 bits, RTF_UP and RTF_GATEWAY */
const routeEntry = { size: 120, target: 8, gateway: 24, mask: 40, flags: 56, isGatewayUp: 3 } as const;
/** An Ethernet frame with room to spare. */
const largestMessage = 2048;

export const linuxNetwork: Network = {
  async setLink(link, state) {
    await control('change', link, (change) => {
      const flags = change(requests.getFlags, linkRequest(link));
      const old = flags.readUInt16LE(interfaceRequest.name);
      const now = state === 'up' ? old | interfaceRequest.isUp : old & ~interfaceRequest.isUp;
      flags.writeUInt16LE(now, interfaceRequest.name);
      change(requests.setFlags, flags);
    });
  },
  async setAddress(link, address, prefix) {
    const withAddress = (text: string): Buffer => {
      const request = linkRequest(link);
      socketAddress(text).copy(request, interfaceRequest.name);
      return request;
    };
    await control('give an address to', link, (change) => {
      change(requests.setAddress, withAddress(address));
      if (prefix > 0) change(requests.setMask, withAddress(maskOf(prefix)));
    });
  },
  async addDefaultRoute(gateway) {
    const entry = Buffer.alloc(routeEntry.size);
    const anywhere = socketAddress('0.0.0.0');
    anywhere.copy(entry, routeEntry.target);
    socketAddress(gateway).copy(entry, routeEntry.gateway);
    anywhere.copy(entry, routeEntry.mask);
    entry.writeUInt16LE(routeEntry.isGatewayUp, routeEntry.flags);
    await control('route by', gateway, (change) => {
      change(requests.addRoute, entry);
    });
  },
  async openBroadcast(link, { from, to }) {
    const calls = await libc();
    const descriptor = openSocket(calls, families.inet, ['use', link], nonBlocking);
    try {
      bind(calls, descriptor, link, from);
      return broadcastSocket(calls, descriptor, link, to);
    } catch (error) {
      descriptor[Symbol.dispose]();
      throw error;
    }
  },
};

/** ioctl(2) on links and routes: each returns the memory that the kernel has filled. */
async function control(
  verb: string,
  what: string,
  run: (change: (request: number, memory: Buffer) => Buffer) => void,
): Promise<void> {
  const calls = await libc();
  using descriptor = openSocket(calls, families.inet, ['use', what]);
  run((request, memory) => {
    checked(calls.call(syscalls.ioctl, descriptor.number, request, memory), verb, what);
    return memory;
  });
}

function bind(calls: Libc, { number }: Descriptor, link: string, port: number): void {
  const on = Buffer.from(Int32Array.of(1).buffer);
  const set = (name: number, value: Buffer): void => {
    checked(setOption(calls, number, name, value), 'listen on', link);
  };
  set(option.reuseAddress, on);
  set(option.broadcast, on);
  set(option.bindToDevice, Buffer.from(`${link}\0`));
  const own = socketAddress('0.0.0.0', port);
  checked(calls.call(syscalls.bind, number, own, own.length), 'listen on', link);
}

function broadcastSocket(calls: Libc, descriptor: Descriptor, link: string, port: number): BroadcastSocket {
  const { number } = descriptor;
  const everybody = socketAddress('255.255.255.255', port);
  return {
    async broadcast(message) {
      const target = [everybody, everybody.length] as const;
      checked(calls.call(syscalls.sendto, number, message, message.length, 0, ...target), 'send on', link);
    },
    async receive() {
      const message = Buffer.alloc(largestMessage);
      const outcome = calls.call(syscalls.recvfrom, number, message, message.length, 0, null, null);
      if (outcome.errno === constants.errno.EAGAIN) return undefined;
      return message.subarray(0, checked(outcome, 'hear on', link));
    },
    async [Symbol.asyncDispose]() {
      descriptor[Symbol.dispose]();
    },
  };
}

function linkRequest(link: string): Buffer {
  if (Buffer.byteLength(link) > interfaceRequest.nameLimit) throw errnoError('use', link, 'ENAMETOOLONG');
  const request = Buffer.alloc(interfaceRequest.size);
  request.write(link);
  return request;
}

/** struct sockaddr_in: the family as the machine has it, port and address as the network has them. */
function socketAddress(address: string, port = 0): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(families.inet, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}

function maskOf(prefix: number): string {
  const bits = (0xffffffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
