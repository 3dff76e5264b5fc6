import type { Peer } from '../machine.ts';
import { errnoError } from './errors.ts';
import { libc } from './libc/index.ts';
import { errnoName, syscalls } from './syscalls.ts';

/** asm-generic/socket.h */
const solSocket = 1;
const soPeercred = 17;
const soPeergroups = 59;
/** NGROUPS_MAX, linux/limits.h */
const mostGroups = 65536;

/** struct ucred: pid, uid, gid; then the supplementary groups. */
export async function peerOf(descriptor: number): Promise<Peer> {
  const { call } = await libc();
  const option = (name: number, size: number): Uint32Array => {
    const memory = new Uint8Array(size);
    const length = new Uint8Array(new Uint32Array([size]).buffer);
    const { value, errno } = call(syscalls.getsockopt, descriptor, solSocket, name, memory, length);
    if (value < 0) throw errnoError('ask', 'who is at the other end of the socket', errnoName(errno));
    return new Uint32Array(memory.buffer, 0, (new Uint32Array(length.buffer)[0] ?? 0) / 4);
  };
  const [process = 0, uid = 0, gid = 0] = option(soPeercred, 12);
  return { process, uid, groups: [gid, ...option(soPeergroups, 4 * mostGroups)] };
}
