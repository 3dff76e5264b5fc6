import { createServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { offerMark, readOffer } from '../../system/index.ts';
import { fresh } from '../fresh.ts';
import {
  type Answer,
  type Bytes,
  type Limits,
  type Request,
  serveConnection,
  usualLimits,
} from '../http/index.ts';
import { accept, boundAddress, ending, type Listener, listening } from '../listener.ts';
import { certificateOf, mutualTls } from '../server.ts';
import { registryError } from './answers.ts';
import { type NeighbourFiles, readNeighbours } from './neighbours.ts';
import { answerRegistry, registryPaths } from './registry.ts';

export type MirrorOptions = {
  readonly address: string;
  readonly port: number;
  /** Who may read; undefined: whoever comes, by http, because the images are public. */
  readonly neighbours: NeighbourFiles | undefined;
};

/** A neighbour reads one blob after the other over a few connections; each has a piece of a file in memory. */
export const mirrorLimits: Limits = {
  ...usualLimits,
  bodyBytes: 0,
  idle: 60_000,
  connections: 128,
  paths: registryPaths,
};

/** Gives the store and the manifests of a machine to its neighbours, read-only, as a registry does. */
export async function listenMirror(
  host: Host,
  root: string,
  options: MirrorOptions,
  builtAt: Date,
  count: (bytes: number) => void = () => {},
): Promise<Listener> {
  const limits = mirrorLimits;
  const offer = fresh(
    () => offerMark(host, root),
    () => readOffer(host, root),
  );
  const answer = async (request: Request): Promise<Answer> => {
    try {
      const given = await answerRegistry(await offer(), request);
      const isSent = request.method !== 'HEAD' && 'length' in Object(given.body);
      count(isSent ? (given.body as Bytes).length : 0);
      return given;
    } catch (error) {
      if (error instanceof MosError) return registryError(503, 'UNKNOWN');
      throw error;
    }
  };
  const { neighbours: files } = options;
  if (files === undefined) {
    const server = createServer({ allowHalfOpen: true });
    const open = accept(server, 'connection', limits, (socket) => serveConnection(socket, answer, limits));
    await listening(server, { host: options.address, port: options.port });
    return ending(server, open, `http://${boundAddress(server, options)}`);
  }
  const neighbours = await readNeighbours(host, root, files, builtAt);
  const server = mutualTls(neighbours.tls, limits);
  const open = accept(server, 'secureConnection', limits, (socket: Socket) => {
    const judge = neighbours.judgeOf(certificateOf(socket as TLSSocket));
    const judged = async (request: Request): Promise<Answer> =>
      (await judge()) ? answer(request) : registryError(403, 'DENIED', { connection: 'close' });
    return serveConnection(socket, judged, limits);
  });
  await listening(server, { host: options.address, port: options.port });
  return ending(server, open, `https://${boundAddress(server, options)}`);
}
