import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { MosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { readSudiAnchors, verifyIdentity } from '../../trust/index.ts';
import type { Target } from './target.ts';

const limit = 15_000;

/** A connection to a machine that is the one we mean: its certificate is of our CA, and has its serial. */
export async function connectTo(host: Host, target: Target, builtAt: Date): Promise<Socket> {
  if (target.kind === 'unix') return opened(connect({ path: target.path }), 'connect', target.path);
  const name = `${target.address}:${target.port}`;
  const [cert, key, ca] = await Promise.all(
    [target.cert, target.key, target.serverCa].map(async (path) => Buffer.from(await host.files.read(path))),
  );
  const secure = withFiles(target, () =>
    connectTls({
      ...{ host: target.address, port: target.port, cert, key, ca },
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
      checkServerIdentity: () => undefined, // it has no name; what it has is compared below
    }),
  );
  const socket = await opened(secure, 'secureConnect', name);
  try {
    await requireMachine(host, secure, target, name, builtAt);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Neither runtime says in words of ours what is wrong with a file. */
function withFiles({ cert, key, serverCa }: Target & { kind: 'tls' }, open: () => TLSSocket): TLSSocket {
  try {
    return open();
  } catch (cause) {
    throw new MosError(
      'usage',
      `cannot use ${cert}, ${key} and ${serverCa}: they are not the PEM files of a certificate, its key and a CA`,
      { cause },
    );
  }
}

async function requireMachine(
  host: Host,
  socket: TLSSocket,
  target: Target & { kind: 'tls' },
  name: string,
  builtAt: Date,
): Promise<void> {
  const raw: unknown = socket.getPeerCertificate(true)?.raw;
  if (!socket.authorized || !(raw instanceof Uint8Array))
    throw new MosError('untrusted', `cannot trust ${name}: it is no machine of ${target.serverCa}`);
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(raw).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const anchors = await readSudiAnchors(host, { file: target.serverCa });
  const time = { now: host.clock.now(), builtAt };
  const { serial } = verifyIdentity(Buffer.from(pem), name, { anchors, time });
  if (serial !== target.serial)
    throw new MosError(
      'untrusted',
      `cannot trust ${name}: it is the machine ${serial}, not ${target.serial}`,
    );
}

function opened(socket: Socket, event: 'connect' | 'secureConnect', name: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      socket.destroy();
      reject(new MosError('network', `cannot reach ${name}: ${why}`));
    };
    const timer = setTimeout(() => fail(`no answer in ${limit / 1000} s`), limit);
    socket.on('error', (error) => fail(messageOf(error)));
    socket.once('close', () => fail('it closed the connection'));
    socket.once(event, () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}
