import layout from '../../layouts/disks/machine.json' with { type: 'json' };
import { command } from '../cli/command.ts';
import { reveal } from '../render/disk-install.ts';
import { renderLive } from '../render/live.ts';

export const live = command({
  name: 'live',
  summary: 'In a live system: do what it is for, as the disks beside it say',
  description:
    'The file /mos-action says what: nothing (livecd), provision, or install. A disk with the label trust-data has cert.pem and privkey.pem: the machine is provisioned with them. One with the label inst-data has url.txt, the manifest to install, and may have disk.txt (the disk; else the only empty one), layout.json (partitions), registry-ca.pem, and a file unencrypted, which stands for --unencrypted. What has something on it is never overwritten. After an install there is /run/mos/live-installed.',
  async run({ host, report, signal, builtAt }) {
    const use = await import('../../pkg/system/index.ts');
    const result = await use.actLive(host, { layout: JSON.stringify(layout), builtAt, signal }, report);
    return { ...result, installed: result.installed && reveal(result.installed, undefined) };
  },
  render: renderLive,
});
