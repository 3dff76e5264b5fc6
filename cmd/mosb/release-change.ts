import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { renderEdited } from '../render/release.ts';
import {
  architecture,
  channel,
  channelOf,
  channelOptions,
  version,
  waves,
  wavesFrom,
} from './release-options.ts';

const arch = { ...architecture, help: 'only the release for these processors: amd64, arm64' } as const;

export const releaseSetWaves = command({
  name: 'release set-waves',
  summary: 'Say when which part of the fleet gets a release',
  description:
    'Each machine has a place in the fleet, drawn once. What the percentages leave waits for further waves.',
  arguments: { channel, version },
  options: {
    arch,
    wave: waves,
    atOnce: { kind: 'flag', help: 'no waves: everybody at once' },
    ...channelOptions,
  },
  examples: [
    'mosb release set-waves --project acme:default --wave 10@2027-01-04T08:00:00Z/2027-01-05T08:00:00Z registry.example/machine/stable 1.2.0',
  ],
  async run(context) {
    const { setWaves } = await import('../../pkg/system/index.ts');
    const { host, args, options, report } = context;
    if (options.atOnce === options.wave.length > 0)
      throw new MosError('usage', 'cannot set the waves: say --wave, once for each, or --at-once');
    const given = { version: args.version, arch: options.arch, waves: await wavesFrom(options.wave) };
    return setWaves(host, { ...(await channelOf(context)), ...given }, report);
  },
  render: renderEdited,
});

export const releaseSetMax = command({
  name: 'release set-max',
  summary: 'Recall everything above a release',
  description:
    'Machines are not offered more, and those that run more are told to leave it. A machine goes back only to what it kept; for the others publish what is good again, with a higher number.',
  arguments: {
    channel,
    max: { kind: 'integer', value: 'N', optional: true, help: 'the highest release number' },
  },
  options: { none: { kind: 'flag', help: 'lift the recall' }, ...channelOptions },
  examples: ['mosb release set-max --project acme:default registry.example/machine/stable 41'],
  async run(context) {
    const { setMax } = await import('../../pkg/system/index.ts');
    const { host, args, options, report } = context;
    if (options.none === (args.max !== undefined))
      throw new MosError('usage', 'cannot set the maximum: say a release number, or --none');
    return setMax(host, { ...(await channelOf(context)), max: args.max }, report);
  },
  render: renderEdited,
});

export const releaseWithdraw = command({
  name: 'release withdraw',
  summary: 'Take a release out of the offer, and say why',
  arguments: { channel, version },
  options: {
    reason: { kind: 'text', value: 'TEXT', help: 'told to whoever runs it' },
    undo: { kind: 'flag', help: 'offer it again' },
    arch,
    ...channelOptions,
  },
  examples: [
    'mosb release withdraw --project acme:default --reason "loses its clock" registry.example/machine/stable 1.2.0',
  ],
  async run(context) {
    const { withdrawRelease } = await import('../../pkg/system/index.ts');
    const { host, args, options, report } = context;
    if (options.undo === (options.reason !== undefined))
      throw new MosError('usage', 'cannot withdraw a release: say --reason, or --undo');
    const given = { version: args.version, arch: options.arch, reason: options.reason };
    return withdrawRelease(host, { ...(await channelOf(context)), ...given }, report);
  },
  render: renderEdited,
});
