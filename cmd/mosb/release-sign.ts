import { command } from '../cli/command.ts';
import { renderChannel, renderSigned } from '../render/release.ts';
import { channel, channelOf, channelOptions } from './release-options.ts';

const days = (role: string, usual: string) =>
  ({
    kind: 'integer',
    value: 'N',
    default: usual,
    help: `how many days ${role} counts, at most 3650`,
  }) as const;

export const releaseSign = command({
  name: 'release sign',
  summary: 'Sign what waits in a channel and what is soon over, and show it to machines',
  description:
    'With the keys that are here. When a role has too few of them, what is signed so far waits for the next one who signs, and machines see what they saw before. What has more than half of its days left is left alone, so it can be run each day.',
  arguments: { channel },
  options: {
    targetsDays: days('the index', '90'),
    snapshotDays: days('the snapshot', '30'),
    timestampDays: days('the timestamp', '7'),
    renew: { kind: 'flag', help: 'sign everything anew' },
    ...channelOptions,
  },
  examples: ['mosb release sign --project acme:default registry.example/machine/stable'],
  async run(context) {
    const { signIndex } = await import('../../pkg/system/index.ts');
    const { host, options, report } = context;
    const { targetsDays: targets, snapshotDays: snapshot, timestampDays: timestamp, renew } = options;
    const given = { days: { targets, snapshot, timestamp }, renew };
    return signIndex(host, { ...(await channelOf(context)), ...given }, report);
  },
  render: renderSigned,
});

export const releaseShow = command({
  name: 'release show',
  summary: 'Show what a channel offers, and what waits to be signed',
  description: 'Verified with the roots of the keyset.',
  arguments: { channel },
  options: channelOptions,
  examples: ['mosb release show --project acme:default zot:repo:machine/stable'],
  async run(context) {
    const { showChannel } = await import('../../pkg/system/index.ts');
    return showChannel(context.host, await channelOf(context), context.report);
  },
  render: renderChannel,
});
