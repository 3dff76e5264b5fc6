import type { Peer } from '../machine.ts';
import { checked } from './errors.ts';
import { libc } from './libc/index.ts';
import { readOption } from './socket.ts';

/** asm-generic/socket.h */
const soPeercred = 17;
const soPeergroups = 59;
/** NGROUPS_MAX, linux/limits.h */
const mostGroups = 65536;

/** struct ucred: pid, uid, gid; then the supplementary groups. */
export async function peerOf(descriptor: number): Promise<Peer> {
  const calls = await libc();
  const option = (name: number, size: number): Uint32Array => {
    const memory = new Uint8Array(size);
    const outcome = readOption(calls, descriptor, name, memory);
    checked(outcome, 'ask', 'who is at the other end of the socket');
    return new Uint32Array(memory.buffer, 0, outcome.length / 4);
  };
  const [process = 0, uid = 0, gid = 0] = option(soPeercred, 12);
  return { process, uid, groups: [gid, ...option(soPeergroups, 4 * mostGroups)] };
}
