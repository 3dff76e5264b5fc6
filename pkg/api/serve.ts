import type { Host } from '../host/index.ts';
import { folderOf } from '../host/index.ts';
import type { Report } from '../steps/index.ts';
import { type ApiOptions, daemonWait, openApi } from './api.ts';
import { startAutomatic } from './automatic.ts';
import { type Limits, usualLimits } from './http/index.ts';
import type { Listener } from './listener.ts';
import { listenMirror, type MirrorOptions } from './mirror/index.ts';
import { listenServices, listenTls, listenUnix, type TlsOptions } from './server.ts';

export type ServeOptions = ApiOptions & {
  /** The Unix socket; ignored where systemd gave us one. */
  readonly socket: string;
  readonly tls?: TlsOptions | undefined;
  readonly mirror?: MirrorOptions | undefined;
  readonly limits?: Partial<Limits>;
  readonly signal: AbortSignal;
};

export type ServeResult = { readonly addresses: readonly string[] };

/** sd_listen_fds(3): the first descriptor that systemd passes. */
const firstDescriptor = 3;

/** Sockets that systemd opened for us, and for no process that we are a child of. */
function descriptorsOf({ machine }: Host): readonly { readonly descriptor: number }[] {
  if (machine.environment('LISTEN_PID') !== String(machine.pid)) return [];
  const count = Number(machine.environment('LISTEN_FDS') ?? 0);
  return Array.from({ length: Number.isInteger(count) ? count : 0 }, (_, at) => ({
    descriptor: firstDescriptor + at,
  }));
}

/** Serves until the signal. Says where it listens as soon as it does. */
export async function serve(host: Host, options: ServeOptions, report: Report): Promise<ServeResult> {
  await host.files.makeFolder(folderOf(options.socket), { parents: true });
  await using _lock = await host.files.lock(`${options.socket}.lock`, {
    wait: daemonWait,
    owner: 'mosctl serve',
  });
  await using api = await openApi(host, { ...options, tell: (text) => report({ kind: 'note', text }) });
  const limits = { ...usualLimits, ...options.limits };
  const given = descriptorsOf(host);
  await using listeners = new AsyncDisposableStack();
  const opened: Listener[] = [];
  for (const at of given.length > 0 ? given : [{ path: options.socket }])
    opened.push(listeners.use(await listenUnix(api, at, limits)));
  listeners.use(await listenServices(api, limits));
  if (options.tls !== undefined) opened.push(listeners.use(await listenTls(api, options.tls, limits)));
  if (options.mirror !== undefined)
    opened.push(
      listeners.use(
        await listenMirror(host, options.root, options.mirror, options.builtAt, (bytes) => {
          api.counts.set('mirror_requests', (api.counts.get('mirror_requests') ?? 0) + 1);
          api.counts.set('mirror_bytes', (api.counts.get('mirror_bytes') ?? 0) + bytes);
        }),
      ),
    );
  await using _automatic = startAutomatic(api);
  const addresses = opened.map(({ address }) => address);
  for (const address of addresses) report({ kind: 'note', text: `listening at ${address}` });
  await new Promise<void>((resolve) => {
    if (options.signal.aborted) resolve();
    options.signal.addEventListener('abort', () => resolve());
  });
  if (given.length === 0) await host.files.remove(options.socket);
  return { addresses };
}
