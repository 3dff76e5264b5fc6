import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, loadavg, release, type as system, totalmem } from 'node:os';
import type { Circumstances } from './render.ts';

const lineOf = (program: string, ...args: string[]): string =>
  (
    execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0] ??
    ''
  ).trim();

const processor = (): string => {
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(info)?.[1] ?? 'unknown';
  return `${field('model name')} (family ${field('cpu family')}, model ${field('model')})`;
};

const fileSystem = (): string => {
  const [type = '', source = ''] = lineOf('findmnt', '-no', 'FSTYPE,SOURCE', '-T', 'build').split(/\s+/);
  return `${type} on ${source}`;
};

const debianVersion = (name: string): string => lineOf('dpkg-query', '--show', name).replace('\t', ' ');

/** The commit, and whether the work tree differs from it (but for the page that we write). */
function commit(): string {
  const changed = execFileSync('git', ['status', '--porcelain', '--', '.', ':!docs/bench.md'], {
    encoding: 'utf8',
  });
  return `${lineOf('git', 'rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : ', with changes'}`;
}

export const readCircumstances = (pairs: number): Circumstances => ({
  date: new Date().toISOString().slice(0, 16).replace('T', ' ').concat(' UTC'),
  commit: commit(),
  processor: `${processor()}, ${availableParallelism()} cores, ${arch()}`,
  memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  kernel: `${system()} ${release()}`,
  'file system': fileSystem(),
  'load at the beginning': loadavg()
    .map((one) => one.toFixed(1))
    .join(' '),
  tools: [
    `crane ${lineOf('build/tools/crane', 'version')}`,
    ...['skopeo', 'docker-registry', 'squashfs-tools', 'cryptsetup-bin', 'qemu-system-x86'].map(
      debianVersion,
    ),
  ].join(', '),
  runtime: `Bun ${lineOf('bun', '--version')} in mosctl`,
  pairs: `${pairs}, after one that warms up`,
});

/** Which executable was measured: figures of another one are not put beside its own. */
export const programDigest = (): string =>
  createHash('sha256').update(readFileSync('build/mosctl')).digest('hex');
