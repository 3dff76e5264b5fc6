import { isMosError, MosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { ReleaseIndex } from '../../manifest/index.ts';
import type { Report } from '../../steps/index.ts';
import { type ChannelReading, readAnchors, readChannel, type Verified } from '../../trust/index.ts';
import { openMachine } from '../machine.ts';
import { openRepositories, type RegistryAccess } from '../places.ts';
import { machineProduct } from '../product.ts';
import { knownRevocations } from '../revocation.ts';
import { type Channel, renderChannel } from './channel.ts';
import { openKept } from './kept.ts';
import { channelSource } from './source.ts';

export type ReadIndexOptions = {
  readonly root: string;
  readonly channel: Channel;
  /** `--ca FILE`; when given, it alone counts. */
  readonly ca?: string | undefined;
  /** `--product`, where the machine has no identity and nothing is installed. */
  readonly product?: string | undefined;
  readonly access: RegistryAccess;
  readonly builtAt: Date;
  /**
   * For machines without a network: an index that has expired counts too, and where the channel can't be reached the one
   * that was seen last. Signatures, versions, product and channel are asked for all the same. Nothing sets it by itself.
   */
  readonly acceptExpired?: boolean | undefined;
};

export type MachineIndex = {
  readonly index: Verified<ReleaseIndex>;
  /** When the first of what vouches for it expires, RFC 3339. */
  readonly expires: string;
  /** Where it came from: the channel, or what this machine had kept. */
  readonly from: 'channel' | 'kept';
};

/**
 * What a channel offers, believed as The Update Framework has it, with the manifest CA as its anchor. What was seen is kept
 * in the configuration of the machine, also when what came after it is refused.
 */
export async function readReleaseIndex(
  host: Host,
  options: ReadIndexOptions,
  report: Report,
): Promise<MachineIndex> {
  const { channel, acceptExpired } = options;
  const time = { now: host.clock.now(), builtAt: options.builtAt };
  const machine = await openMachine(host, options.root);
  const anchors = await readAnchors(host, { file: options.ca, root: machine.paths.root });
  const known = await machineProduct(host, machine, time, options.product);
  const name = renderChannel(channel);
  if (known === undefined)
    throw new MosError('state', `cannot follow ${name}: nobody knows yet which product this machine is`, {
      hint: 'install it first: mosctl install',
    });
  const revoked = await knownRevocations(host, machine, [], anchors);
  await using kept = await openKept(host, machine, channel.repository);
  const policy = {
    ...{ name, channel: channel.repository, product: known.product, time, acceptExpired },
    endorsedBy: { anchors, revoked },
    keep: (trust: Parameters<typeof kept.keep>[0]) => kept.keep(trust),
  };
  await using repositories = openRepositories(host, options.access);
  const fromChannel = async (): Promise<ChannelReading> => {
    const repository = await repositories.open(channel.place, channel.repository);
    return readChannel(channelSource(repository, report), kept.trust, policy);
  };
  try {
    return toResult(await fromChannel(), 'channel', name, report);
  } catch (error) {
    if (!acceptExpired || kept.trust === undefined || !isUnreachable(error)) throw error;
    report({ kind: 'note', text: `warning: the index that was seen last is used: ${messageOf(error)}` });
    return toResult(await readChannel(undefined, kept.trust, policy), 'kept', name, report);
  }
}

/** A registry that doesn't answer, a stick that isn't there. A channel that answers wrongly is no such case. */
const isUnreachable = (error: unknown): boolean =>
  isMosError(error, 'network') || isMosError(error, 'timeout') || isMosError(error, 'not-found');

function toResult(
  { index, unknown, expires }: ChannelReading,
  from: MachineIndex['from'],
  name: string,
  report: Report,
): MachineIndex {
  for (const field of unknown)
    report({
      kind: 'note',
      text: `warning: the index of ${name} has ${field}, which this version does not know`,
    });
  const [first = ''] = Object.values(expires).toSorted();
  return { index, expires: first, from };
}
