import { command } from '../cli/command.ts';
import { renderEdited } from '../render/release.ts';
import { architecture, channel, channelOf, channelOptions, waves, wavesFrom } from './release-options.ts';

export const releaseAdd = command({
  name: 'release add',
  summary: 'Put a published manifest into a release channel',
  description:
    'The manifest is verified as a machine would, and comes along into the repository of the channel with its signatures. Nothing changes for machines before mosb release sign. See docs/release-channels.md.',
  arguments: {
    channel,
    manifest: { kind: 'reference', value: 'REF', help: 'the install manifest, at the same registry' },
  },
  options: {
    arch: { ...architecture, required: true, help: 'the processors it is for: amd64, arm64' },
    as: { kind: 'text', value: 'VERSION', help: 'what people call it (default: the tag of the manifest)' },
    minimum: {
      kind: 'integer',
      value: 'N',
      help: 'only machines that run at least this release go here in one step',
    },
    maximum: {
      kind: 'integer',
      value: 'N',
      help: 'only machines that run at most this release go here in one step',
    },
    notes: { kind: 'text', value: 'URL', help: 'a page that tells people what is new' },
    wave: waves,
    ...channelOptions,
  },
  examples: [
    'mosb release add --project acme:default --arch amd64 --wave 1@2027-01-04T08:00:00Z/2027-01-04T18:00:00Z --wave 99@2027-01-06T08:00:00Z/2027-01-09T08:00:00Z registry.example/machine/stable registry.example/machine/web:1.2.0',
  ],
  async run(context) {
    const { addRelease } = await import('../../pkg/system/index.ts');
    const { host, args, options, report } = context;
    const { arch, minimum, maximum, notes } = options;
    return addRelease(
      host,
      {
        ...(await channelOf(context)),
        ...{ manifest: args.manifest, version: options.as, arch, minimum, maximum, notes },
        waves: await wavesFrom(options.wave),
      },
      report,
    );
  },
  render: renderEdited,
});
