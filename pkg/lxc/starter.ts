import { MosError } from '../errors/index.ts';
import type { Process } from './process.ts';

/** Where a container that needs one has it. */
export const starterPlace = '/dev/.mos-start';

/** elf(5): where the one segment of the program is in memory, and where its code begins in the file. */
const base = 0x40_0000;
const codeAt = 64 + 56;

/**
 * LXC 5 drops supplementary groups where ids are mapped (src/lxc/start.c, do_start), so who has some is started as the
 * container's root by this program: `starter program words…` takes the groups, the group and the user for good and becomes the
 * program, whose path it does not look for. Images can't be asked to have one, hence an ELF file of its own, without libraries.
 * Exit code 127 where that fails.
 */
export function renderStarter(
  architecture: string,
  who: Pick<Process, 'uid' | 'gid' | 'groups'>,
): Uint8Array {
  if (architecture !== 'x86_64')
    throw new MosError('unsupported', `cannot give supplementary groups to a service on ${architecture}`, {
      hint: 'name the group of the user in the image too: USER name:group',
    });
  // Its own group too, as other runtimes have it since CVE-2022-36109: a set-group-id program can't shake that off.
  const groups = [who.gid, ...who.groups];
  const code = renderCode(who, groups.length);
  const list = Buffer.alloc(4 * groups.length);
  for (const [index, group] of groups.entries()) list.writeUInt32LE(group, 4 * index);
  return Buffer.concat([renderHeaders(codeAt + code.length + list.length), code, list]);
}

/** asm/unistd_64.h */
const calls = { execve: 59, setgroups: 116, setresuid: 117, setresgid: 119, exit_group: 231 } as const;

/** Machine code of x86-64; the list of groups stands behind it. */
function renderCode({ uid, gid }: Pick<Process, 'uid' | 'gid'>, groups: number): Buffer {
  const number = (value: number) => [...Buffer.from(new Uint32Array([value]).buffer)];
  const edi = (value: number) => [0xbf, ...number(value)];
  const esi = (value: number) => [0xbe, ...number(value)];
  const edx = (value: number) => [0xba, ...number(value)];
  const call = (name: keyof typeof calls) => [0xb8, ...number(calls[name]), 0x0f, 0x05];
  const end = [...edi(127), ...call('exit_group')];
  const endUnlessZero = [0x85, 0xc0, 0x74, end.length, ...end]; // test eax, eax; jz over it
  const rest = [
    ...[...call('setgroups'), ...endUnlessZero],
    ...[...edi(gid), ...esi(gid), ...edx(gid), ...call('setresgid'), ...endUnlessZero],
    ...[...edi(uid), ...esi(uid), ...edx(uid), ...call('setresuid'), ...endUnlessZero],
    ...[0x48, 0x8b, 0x7c, 0x24, 0x10], // mov rdi, [rsp+16]: argv[1]
    ...[0x48, 0x8d, 0x74, 0x24, 0x10], // lea rsi, [rsp+16]: argv from there on
    ...[0x48, 0x8b, 0x04, 0x24], // mov rax, [rsp]: argc
    ...[0x48, 0x8d, 0x54, 0xc4, 0x10], // lea rdx, [rsp+rax*8+16]: the environment
    ...[...call('execve'), ...end],
  ];
  return Buffer.from([...edi(groups), 0x48, 0x8d, 0x35, ...number(rest.length), ...rest]); // lea rsi, [rip+rest]
}

function renderHeaders(size: number): Buffer {
  const bytes = Buffer.alloc(codeAt);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // 64 bits, little-endian
  bytes.writeUInt16LE(2, 16); // ET_EXEC
  bytes.writeUInt16LE(62, 18); // EM_X86_64
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(BigInt(base + codeAt), 24); // entry
  bytes.writeBigUInt64LE(64n, 32); // program headers
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(1, 64); // PT_LOAD
  bytes.writeUInt32LE(5, 68); // read, execute
  for (const at of [80, 88]) bytes.writeBigUInt64LE(BigInt(base), at);
  for (const at of [96, 104]) bytes.writeBigUInt64LE(BigInt(size), at);
  bytes.writeBigUInt64LE(0x1000n, 112);
  return bytes;
}
