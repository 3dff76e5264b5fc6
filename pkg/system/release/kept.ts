import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, sweepTemporary, writeAtomic } from '../../host/index.ts';
import type { ChannelTrust } from '../../trust/index.ts';
import type { Machine } from '../machine.ts';

/** What a machine has seen of a channel, so that nothing older can be shown to it; one file, replaced as a whole. */
export type KeptChannel = AsyncDisposable & {
  readonly trust: ChannelTrust | undefined;
  keep(trust: ChannelTrust): Promise<void>;
};

const lockWait = 30_000;
const format = 1;

/** Held until it is disposed: two who read one channel would each write what they have seen. */
export async function openKept(host: Host, { paths }: Machine, channel: string): Promise<KeptChannel> {
  const folder = `${paths.config}/mos/channels`;
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  const lock = await host.files.lock(`${folder}/.lock`, { wait: lockWait, owner: 'mosctl, release channel' });
  const file = `${folder}/${channel.replaceAll('/', '+')}.json`;
  try {
    await sweepTemporary(host, folder);
    return {
      trust: parseKept(await readTextIfThere(host, file), file),
      keep: (trust) =>
        writeAtomic(host, file, `${JSON.stringify({ format, ...trust }, null, 2)}\n`, { mode: 0o600 }),
      [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

const texts = ['root', 'revoked', 'timestamp', 'snapshot', 'targets', 'index'] as const;

function parseKept(text: string | undefined, file: string): ChannelTrust | undefined {
  if (text === undefined) return undefined;
  const value = parseObject(text);
  const { format: found, endorsement, ...rest } = value ?? {};
  if (typeof found === 'number' && found > format)
    throw new MosError(
      'unsupported',
      `cannot read ${file}: its format is ${found}, this program knows ${format}`,
      {
        hint: 'use the mosctl that wrote it, or a newer one',
      },
    );
  const isWhole =
    found === format &&
    typeof rest.root === 'string' &&
    Object.entries(rest).every(
      ([key, one]) => texts.some((known) => known === key) && typeof one === 'string',
    ) &&
    (endorsement === undefined || isEndorsement(endorsement));
  if (isWhole) return { ...(rest as ChannelTrust), ...(endorsement === undefined ? {} : { endorsement }) };
  throw new MosError('corrupt', `cannot read ${file}: it is damaged`, {
    hint: 'without it an older index can be shown to this machine: look at what the channel offers before you remove the file',
  });
}

const isEndorsement = (value: unknown): value is NonNullable<ChannelTrust['endorsement']> =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(value).length === 2 &&
  'certificate' in value &&
  typeof value.certificate === 'string' &&
  'signature' in value &&
  typeof value.signature === 'string';

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
