import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import test from 'ava';
import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import { findIoWeight } from '../../pkg/lxc/index.ts';

const groups = '/sys/fs/cgroup';

test("a control group's file for its share of the disks is told by the kernel, and the probe leaves nothing", async (t) => {
  execFileSync('mount', ['-t', 'cgroup2', 'cgroup2', groups]);
  t.teardown(() => execFileSync('umount', [groups]));
  const file = await findIoWeight(host);
  t.log(`this kernel has ${file ?? 'none'}`);
  t.false(existsSync(`${groups}/mos.probe`));
  t.regex(readFileSync(`${groups}/cgroup.subtree_control`, 'utf8'), /\bio\b/);
  mkdirSync(`${groups}/mos.test`);
  t.teardown(() => rmdirSync(`${groups}/mos.test`));
  for (const name of ['io.weight', 'io.bfq.weight'])
    t.is(existsSync(`${groups}/mos.test/${name}`), name === file, name);
});
