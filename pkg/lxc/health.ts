import { get } from 'node:http';
import { connect } from 'node:net';
import { messageOf } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Health } from '../manifest/index.ts';
import { askContainer, type ExecRequest, type Place } from './programs.ts';

/** Seconds and tries, where a manifest says nothing. */
export const usualHealth = { interval: 10, timeout: 5, retries: 3, start_period: 30 } as const;

export type Probed = {
  readonly health: Health;
  /** Where http and tcp are asked: the address of this very container. */
  readonly address: string;
  /** The program that asks inside, where `health` has one. */
  readonly exec: ExecRequest | undefined;
};

/** Asks a service once how it is; returns what is wrong, undefined where it is well. */
export async function probeHealth(host: Host, place: Place, probed: Probed): Promise<string | undefined> {
  const { health, address, exec } = probed;
  const timeout = (health.timeout ?? usualHealth.timeout) * 1000;
  try {
    if (exec !== undefined) await askContainer(host, place, exec, timeout);
    else if (health.http !== undefined) await askHttp(address, health.http, timeout);
    else if (health.tcp !== undefined) await askTcp(address, health.tcp.port, timeout);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** An answer from 200 to 399 is good; redirects are not followed. */
const askHttp = (
  host: string,
  { port, path }: { port: number; path: string },
  timeout: number,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const what = `http port ${port} ${path}`;
    const request = get(
      {
        host,
        port,
        path,
        agent: false,
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(timeout),
      },
      ({ statusCode = 0 }) => {
        request.destroy();
        if (statusCode >= 200 && statusCode < 400) resolve();
        else reject(new Error(`${what} answers ${statusCode}`));
      },
    );
    request.on('error', (error) => reject(new Error(`${what}: ${shortOf(error)}`)));
  });

const askTcp = (host: string, port: number, timeout: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal: AbortSignal.timeout(timeout) }, () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', (error) => reject(new Error(`tcp port ${port}: ${shortOf(error)}`)));
  });

const shortOf = (error: Error): string => {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer in time';
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' ? 'nobody listens' : (code ?? error.message);
};
