import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { luksHeaderBytes } from '../../pkg/disk/index.ts';
import type { Host, Processes } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

// Disks that are loop devices, for a kernel that may lack vfat and device-mapper.

export function loopDisk(
  file: string,
  mebibytes: number,
  sectorBytes = 512,
): { node: string; detach: () => void } {
  writeFileSync(file, '');
  truncateSync(file, mebibytes << 20);
  const how = ['--find', '--partscan', '--sector-size', String(sectorBytes), '--show', file];
  const node = execFileSync('losetup', how, { encoding: 'utf8' }).trim();
  return { node, detach: () => void execFileSync('losetup', ['--detach', node]) };
}

/** The real host, but in place of the ESP a folder is mounted that outlives a stop as the ESP would. */
export const withFolderAsEsp = (folder: string): Host => ({
  ...linuxHost,
  mounts: {
    ...linuxHost.mounts,
    mount: (call) =>
      call.fstype === 'vfat' ? linuxHost.mounts.bind(folder, call.target) : linuxHost.mounts.mount(call),
  },
});

const mapper = '/dev/mapper';
const isOurs = (name: string): boolean => name.startsWith('mos-install-');
const listMapped = (): string[] => readdirSync(mapper).filter(isOurs);

/** Headers and keys are real; what is unlocked is the plain data area behind them. */
export const withLoopsAsMapper = (host: Host): Host => ({
  ...host,
  devices: {
    ...host.devices,
    dmList: async () => listMapped().map((name) => ({ name, number: '0:0' })),
  },
  processes: { ...host.processes, run: runWithLoops(host.processes) },
});

const runWithLoops =
  (processes: Processes): Processes['run'] =>
  async (argv, options) => {
    const [program, ...words] = argv;
    const command = words[1];
    if (program !== 'cryptsetup' || argv.includes('--test-passphrase')) return processes.run(argv, options);
    const name = argv.at(-1) ?? '';
    if (command === 'close') closeOne(name);
    if (command !== 'open') return command === 'close' ? nothing : processes.run(argv, options);
    const tried = await processes.run([program, ...words.slice(0, -1), '--test-passphrase'], options);
    if (tried.exitCode === 0) openOne(argv.at(-2) ?? '', name);
    return tried;
  };

const nothing = { stdout: new Uint8Array(), stderr: '', exitCode: 0 };

function openOne(device: string, name: string): void {
  const loop = ['--find', '--show', '--offset', String(luksHeaderBytes), device];
  symlinkSync(execFileSync('losetup', loop, { encoding: 'utf8' }).trim(), `${mapper}/${name}`);
}

function closeOne(name: string): void {
  execFileSync('losetup', ['--detach', readlinkSync(`${mapper}/${basename(name)}`)]);
  rmSync(`${mapper}/${name}`);
}

export const closeMapped = (): void => {
  for (const name of listMapped()) closeOne(name);
};
