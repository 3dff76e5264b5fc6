import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { integrity, root } from '../cli/common.ts';
import { ca } from './incoming.ts';
import { version } from './version.ts';

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
    mirror: {
      kind: 'flag',
      help: 'give images and signed manifests to neighbours, read-only, as a registry does: to machines of the same product, and to clients of the API',
    },
    mirrorListen: {
      kind: 'text',
      value: 'ADDRESS:PORT',
      default: '0.0.0.0:8444',
      help: 'where, with --mirror',
    },
    open: {
      kind: 'flag',
      help: 'with --mirror: the images are public; whoever comes may read, by http without certificates',
    },
    root,
    ca,
    integrity,
  },
  examples: [
    'mosctl serve --listen 0.0.0.0:8443',
    'mosctl serve --mirror --open --mirror-listen 127.0.0.1:5000',
  ],
  async run({ host, options, report, signal, builtAt }) {
    const { machinePaths } = await import('../../pkg/system/index.ts');
    const { serve: run } = await import('../../pkg/api/index.ts');
    const { root: base, ca: anchors, listen, open } = options;
    if (open && !options.mirror) throw new MosError('usage', 'cannot use --open without --mirror');
    const { config, serverCertificate, run: runtime } = await machinePaths(host, base);
    const secure = `${base === '/' ? '' : base}/factory/secure`;
    const files = {
      certificate: serverCertificate,
      key: `${secure}/server.key`,
      clientCa: options.clientCa ?? `${secure}/apiCA.pem`,
      revocations: options.revocations ?? `${config}/mos/api/crl.pem`,
    };
    const tls = listen === undefined ? undefined : { ...parseListen(listen), ...files };
    const neighbours = open ? undefined : files;
    const mirror = options.mirror ? { ...parseListen(options.mirrorListen), neighbours } : undefined;
    const socket = options.socket ?? `${runtime}/api.sock`;
    const common = { root: base, ca: anchors, builtAt, integrity: options.integrity, version, signal };
    return run(host, { ...common, socket, tls, mirror }, report);
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
