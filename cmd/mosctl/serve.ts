import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { root } from '../cli/common.ts';
import { ca } from './incoming.ts';

export const serve = command({
  name: 'serve',
  summary: 'Let others look at the machine and operate it, by its API',
  description:
    'On a Unix socket for root and the group mos; with --listen also on TLS 1.3, for those alone who have a certificate of the API CA (trust api-client add).',
  options: {
    listen: { kind: 'text', value: 'ADDRESS:PORT', help: 'where to listen for TLS; without it not at all' },
    socket: { kind: 'path', value: 'FILE', help: 'the Unix socket [/run/mos/api.sock]' },
    clientCa: { kind: 'path', value: 'FILE', help: 'the API CA (PEM) [<root>/factory/secure/apiCA.pem]' },
    revocations: { kind: 'path', value: 'FILE', help: 'its revocation list [<root>/config/mos/api/crl.pem]' },
    root,
    ca,
  },
  examples: ['mosctl serve --listen 0.0.0.0:8443'],
  async run({ host, options, report, signal, builtAt }) {
    const { machinePaths } = await import('../../pkg/system/index.ts');
    const { serve: run } = await import('../../pkg/api/index.ts');
    const { root: base, ca: anchors, listen } = options;
    const { config, serverCertificate, run: runtime } = await machinePaths(host, base);
    const secure = `${base === '/' ? '' : base}/factory/secure`;
    const tls =
      listen === undefined
        ? undefined
        : {
            ...parseListen(listen),
            certificate: serverCertificate,
            key: `${secure}/server.key`,
            clientCa: options.clientCa ?? `${secure}/apiCA.pem`,
            revocations: options.revocations ?? `${config}/mos/api/crl.pem`,
          };
    const socket = options.socket ?? `${runtime}/api.sock`;
    return run(host, { root: base, ca: anchors, builtAt, socket, tls, signal }, report);
  },
  render: ({ addresses }) => `listened at ${addresses.join(' and ')}`,
});

function parseListen(text: string): { address: string; port: number } {
  const [, six, four, port] = /^(?:\[([0-9a-fA-F:]+)\]|([0-9a-zA-Z.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = six ?? four;
  if (address === undefined || Number(port) > 65535)
    throw new MosError(
      'usage',
      `cannot listen at ${JSON.stringify(text.slice(0, 100))}: the form is ADDRESS:PORT`,
    );
  return { address, port: Number(port) };
}
