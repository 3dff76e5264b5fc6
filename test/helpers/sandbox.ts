import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Owner } from './registries/process.ts';

export type Said = { readonly status: number | null; readonly out: string; readonly err: string };

/** A place with a network of its own, and with mounts that only it sees; what is below /run is the machine's. */
export type Sandbox = {
  readonly pid: number;
  run(...argv: readonly [string, ...string[]]): Said;
  /** Like `run`, and a failure fails the test. */
  must(...argv: readonly [string, ...string[]]): string;
  /** A program that goes on until the test ends. */
  background(...argv: readonly [string, ...string[]]): void;
};

/** /sys must show the new network (LXC looks there), and the control groups as before. */
const enter = `mount --rbind /sys/fs/cgroup /mnt && mount -t sysfs sysfs /sys && mount --rbind /mnt /sys/fs/cgroup &&
umount -l /mnt && ip link set lo up && echo ready && exec sleep infinity`;

export async function makeSandbox(t: Owner): Promise<Sandbox> {
  const words = ['--net', '--mount', '--propagation', 'slave', '--', '/bin/sh', '-c', enter];
  const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  const pid = Number(child.pid);
  const run = (...argv: readonly string[]): Said => {
    const all = ['-t', String(pid), '--net', '--mount', '--', ...argv];
    const { status, stdout, stderr } = spawnSync('nsenter', all, { encoding: 'utf8', timeout: 60_000 });
    return { status, out: stdout, err: stderr };
  };
  const must = (...argv: readonly [string, ...string[]]): string => {
    const { status, out, err } = run(...argv);
    if (status !== 0) throw new Error(`${argv.join(' ')}: exit code ${status}: ${err}${out}`);
    return out;
  };
  const background = (...argv: readonly string[]): void => {
    const server = spawn('nsenter', ['-t', String(pid), '--net', '--mount', '--', ...argv], {
      stdio: 'ignore',
    });
    t.teardown(() => server.kill('SIGKILL'));
  };
  return { pid, run, must, background };
}

/** Another computer on the wire of the first: 192.0.2.2 and 2001:db8::2, which is .1 and ::1 there. */
export async function makeNeighbour(t: Owner, of: Sandbox): Promise<Sandbox> {
  const other = await makeSandbox(t);
  of.must('ip', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', String(other.pid));
  for (const [side, end] of [
    [of, 1],
    [other, 2],
  ] as const) {
    side.must('ip', 'address', 'add', `192.0.2.${end}/24`, 'dev', 'wire');
    side.must('ip', 'address', 'add', `2001:db8::${end}/64`, 'dev', 'wire', 'nodad');
    side.must('ip', 'link', 'set', 'wire', 'up');
  }
  return other;
}

export const executable = resolve('build/mosctl');
