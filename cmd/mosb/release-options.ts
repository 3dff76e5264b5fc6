import type { Secret } from '../../pkg/errors/index.ts';
import type { ChannelOptions } from '../../pkg/system/index.ts';
import { accessOf, writing } from './access.ts';

/** What every command on a release channel takes. */
export const channel = {
  kind: 'text',
  value: 'CHANNEL',
  help: 'host:port/name or zot:ROOT:name, without a tag; the name is signed',
} as const;
export const channelOptions = {
  project: {
    kind: 'text',
    value: 'KEYSET:PROJECT',
    aliases: ['product'],
    required: true,
    help: 'whose channel it is, and whose keys sign',
  },
  ...writing,
} as const;
export const version = { kind: 'text', value: 'VERSION', help: 'a release that is in the channel' } as const;
export const architecture = { kind: 'choice', value: 'ARCH', choices: ['amd64', 'arm64'] } as const;
export const waves = {
  kind: 'list',
  value: 'PERCENT@START/END',
  help: 'a part of the fleet, spread from one time to another; repeat it in order (none: everybody at once)',
} as const;

type Given = {
  readonly args: { readonly channel: string };
  readonly options: {
    readonly project: string;
    readonly plainHttp: boolean;
    readonly registryCa: string | undefined;
    readonly user: string | undefined;
    readonly pass: Secret | undefined;
    readonly passStdin: boolean;
  };
  readonly signal: AbortSignal;
  readonly builtAt: Date;
  readonly cwd: string;
  readStdin(): Promise<string>;
};

export async function channelOf({
  args,
  options,
  signal,
  builtAt,
  cwd,
  readStdin,
}: Given): Promise<ChannelOptions> {
  const { parseChannel } = await import('../../pkg/system/index.ts');
  const { parseProjectName } = await import('../../pkg/trust/index.ts');
  const channel = parseChannel(args.channel, cwd);
  return {
    ...{ channel, builtAt },
    ...parseProjectName(options.project),
    access: await accessOf(options, channel.place, signal, readStdin),
  };
}

/** The waves that the options name. */
export async function wavesFrom(parts: readonly string[]) {
  const { parseFleetPart, wavesOf } = await import('../../pkg/manifest/index.ts');
  return wavesOf(parts.map(parseFleetPart));
}
