import { readFile } from 'node:fs/promises';
import type { Machine } from '../machine.ts';
import { networkCookie } from './network-cookie.ts';
import { peerOf } from './peer.ts';

const names: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
const readLine = async (path: string): Promise<string> => (await readFile(path, 'utf8')).trim();

export const linuxMachine: Machine = {
  bootId: () => readLine('/proc/sys/kernel/random/boot_id'),
  architecture: names[process.arch] ?? process.arch,
  kernelRelease: () => readLine('/proc/sys/kernel/osrelease'),
  uid: process.geteuid?.() ?? 0,
  pid: process.pid,
  program: () =>
    process.versions.bun === undefined ? [process.execPath, ...process.argv.slice(1, 2)] : [process.execPath],
  networkCookie,
  peer: peerOf,
  environment: (name) => process.env[name],
};
