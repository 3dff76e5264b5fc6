import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Sandbox } from '../../test/helpers/sandbox.ts';

/** Nginx as somebody runs it with LXC alone: the image unpacked, a config written, a bridge made; returns the folder of containers. */
export function nginxByHand(folder: string, sandbox: Sandbox): string {
  const rootfs = resolve(folder, 'unpacked');
  mkdirSync(rootfs);
  execFileSync('tar', ['--extract', '--zstd', '--file', nginxLayer(), '--directory', rootfs]);
  const containers = resolve(folder, 'by-hand');
  mkdirSync(join(containers, 'web'), { recursive: true });
  writeFileSync(join(containers, 'web/config'), config(rootfs));
  sandbox.must('ip', 'link', 'add', 'byhand', 'type', 'bridge');
  sandbox.must('ip', 'address', 'add', '10.77.0.1/24', 'dev', 'byhand');
  sandbox.must('ip', 'link', 'set', 'byhand', 'up');
  return containers;
}
/** The one layer of the image is its largest blob by far; umoci 0.4 knows no zstd. */
function nginxLayer(): string {
  const blobs = 'build/images/nginx/blobs/sha256';
  const files = readdirSync(blobs).map((name) => join(blobs, name));
  return files.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? '';
}

export const byHandUrl = 'http://10.77.0.2/';

const config = (rootfs: string): string => `lxc.uts.name = web
lxc.rootfs.path = dir:${rootfs}
lxc.net.0.type = veth
lxc.net.0.link = byhand
lxc.net.0.flags = up
lxc.net.0.ipv4.address = 10.77.0.2/24
lxc.net.0.ipv4.gateway = 10.77.0.1
lxc.mount.auto = proc:mixed sys:ro
lxc.apparmor.profile = unchanged
lxc.environment = PATH=/usr/sbin:/usr/bin:/sbin:/bin
`;
