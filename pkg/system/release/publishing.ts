import { MosError } from '../../errors/index.ts';
import { type Host, readTextIfThere, sweepTemporary } from '../../host/index.ts';
import type { Repository } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import {
  type AcceptanceTime,
  type Anchors,
  type ChannelKeys,
  type ChannelSource,
  keysFolder,
  openChannelKeys,
  type PublishedChannel,
  readAnchors,
  readPublishedChannel,
} from '../../trust/index.ts';
import { openRepositories, type RegistryAccess, type Repositories } from '../places.ts';
import { type Channel, renderChannel } from './channel.ts';
import { channelSource } from './source.ts';

export type ChannelOptions = {
  readonly channel: Channel;
  readonly keyset: string;
  readonly project: string;
  /** Folder of keysets; default the person's own. */
  readonly keys?: string | undefined;
  readonly access: RegistryAccess;
  readonly builtAt: Date;
};

/** A publisher at work on a channel. */
export type Publishing = AsyncDisposable & {
  readonly options: ChannelOptions;
  readonly name: string;
  readonly time: AcceptanceTime;
  readonly repositories: Repositories;
  readonly repository: Repository;
  readonly source: ChannelSource;
  readonly keys: ChannelKeys;
  /** Of the keyset, for what machines will ask. */
  readonly anchors: Anchors;
  /** The keyset's revocation list (PEM), where it has one. */
  readonly revoked: Uint8Array | undefined;
  /** As it is now; asked again after each change. */
  look(): Promise<PublishedChannel>;
};

const lockWait = 60_000;

export async function openPublishing(
  host: Host,
  options: ChannelOptions,
  report: Report,
  create = true,
): Promise<Publishing> {
  const { channel, keyset, project } = options;
  const folder = options.keys ?? keysFolder(host);
  const name = renderChannel(channel);
  if (channel.place.kind === 'oci') throw new MosError('usage', `cannot use ${name} as a release channel`);
  const keys = await openChannelKeys(host, keyset, project, { folder });
  const authority = `${folder}/${keyset}/manifest-ca`;
  const list = await readTextIfThere(host, `${authority}/crl.pem`);
  const time = { now: host.clock.now(), builtAt: options.builtAt };
  const anchors = await readAnchors(host, { file: `${authority}/cert.pem` });
  // A registry has no lock; of two who change one channel the second would lose what the first did.
  const channels = `${folder}/${keyset}/tuf/channels`;
  const lock = await host.files.lock(`${channels}/.lock`, { wait: lockWait, owner: 'mosb release' });
  const repositories = openRepositories(host, options.access);
  const close = async () => {
    await repositories[Symbol.asyncDispose]();
    await lock[Symbol.asyncDispose]();
  };
  try {
    await sweepTemporary(host, channels);
    const repository = await repositories.open(channel.place, channel.repository, { create });
    const source = channelSource(repository, report);
    const look = async () => {
      const at = { folder, name, channel: channel.repository, time };
      const published = await readPublishedChannel(host, source, keys, at);
      if (published.isDraftForeign)
        report({
          kind: 'note',
          text: `warning: the draft in ${name} is passed over: no present key signed it for this channel`,
        });
      return published;
    };
    return {
      ...{ options, name, time, repositories, repository, source, keys, anchors, look },
      revoked: list === undefined ? undefined : new TextEncoder().encode(list),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
