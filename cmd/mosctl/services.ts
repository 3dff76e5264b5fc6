import { MosError } from '../../pkg/errors/index.ts';
import { command } from '../cli/command.ts';
import { integrity, root } from '../cli/common.ts';
import { renderServices } from '../render/services.ts';
import { ca } from './incoming.ts';
import { bodyOf, remoteCommand, servicePath } from './remote.ts';

const service = { kind: 'text', value: 'SERVICE', help: 'the name of a service' } as const;

export const stop = remoteCommand(
  {
    name: 'stop',
    summary: 'Stop a service, or all of them',
    description:
      'It gets the stop signal of its image, and is killed when it goes on for longer than the time limit. What it wrote to its root file system is gone. Of all services those end first that no other one depends on.',
    arguments: { service: { ...service, optional: true } },
    options: {
      all: { kind: 'flag', help: 'all services that were started, as at the end of a machine' },
      timeout: { kind: 'integer', value: 'SECONDS', help: 'how long each may take to end (10)' },
      root,
    },
    async run({ host, args, options: { all, ...options } }) {
      const use = await import('../../pkg/system/index.ts');
      if (all && args.service === undefined) return use.stopAll(host, options);
      return use.stop(host, { ...options, target: oneService(all, args.service) });
    },
    render: (result) => {
      if ('wasRunning' in result)
        return result.wasRunning ? `${result.name} is stopped` : `${result.name} was not started`;
      return result.stopped.length === 0 ? 'no service was started' : `stopped: ${result.stopped.join(', ')}`;
    },
    failure(result) {
      if ('wasRunning' in result || result.failed.length === 0) return undefined;
      const all = result.failed.map(({ name, problem }) => `${name}: ${problem}`).join('; ');
      return new MosError('state', `cannot stop all services: ${all}`);
    },
  },
  async ({ args, options: { all, timeout } }) => ({
    method: 'POST',
    path: await servicePath(oneService(all, args.service), 'stop'),
    body: bodyOf({ timeout }),
  }),
);

function oneService(all: boolean, name: string | undefined): string {
  if (name !== undefined && !all) return name;
  throw new MosError('usage', 'cannot stop services: name one, or say --all on the machine itself');
}

export const restart = command({
  name: 'restart',
  summary: 'Stop a service and start it again',
  description: 'When the new start fails, the container from before is started again.',
  arguments: { service },
  options: { root, ca, integrity },
  async run({ host, args, options }) {
    const use = await import('../../pkg/system/index.ts');
    return use.activate(host, { ...options, target: args.service, again: true });
  },
  render: ({ name, version }) => `${name} ${version} runs again`,
});

export const ps = remoteCommand(
  {
    name: 'ps',
    summary: 'List the services that were started',
    options: { root },
    async run({ host, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.listServices(host, options);
    },
    render: renderServices,
  },
  () => ({ method: 'GET', path: '/v1/services' }),
);

export const logs = remoteCommand(
  {
    name: 'logs',
    summary: 'Show what a service said since it was started',
    arguments: { service },
    options: { lines: { kind: 'integer', value: 'N', short: 'n', help: 'only the last N lines' }, root },
    async run({ host, args, options }) {
      const use = await import('../../pkg/system/index.ts');
      return use.logs(host, { ...options, target: args.service });
    },
    render: ({ lines }) => lines.join('\n'),
  },
  async ({ args, options: { lines } }) => ({
    method: 'GET',
    path: await servicePath(args.service, 'logs'),
    query: { lines },
  }),
);

export const exec = command({
  name: 'exec',
  summary: 'Run a program in a running service, confined as the service is',
  description:
    'The exit code is that of the program; 127 where the service has no such program, 126 where it is none.',
  arguments: {
    service,
    program: { kind: 'text', value: 'PROGRAM', many: true, help: 'the program and its arguments, after --' },
  },
  options: {
    asRoot: { kind: 'flag', help: "as the container's root, not as the user of the service" },
    root,
  },
  examples: ['mosctl exec web -- nginx -t'],
  async run({ host, args, options }) {
    const use = await import('../../pkg/system/index.ts');
    return use.exec(host, { ...options, target: args.service, argv: args.program });
  },
  render: () => '',
  exitCode: ({ exitCode }) => exitCode,
});

export const shell = command({
  name: 'shell',
  summary: 'Open a shell in a running service',
  arguments: { service },
  options: {
    asRoot: { kind: 'flag', help: "as the container's root, not as the user of the service" },
    root,
  },
  async run({ host, args, options }) {
    const use = await import('../../pkg/system/index.ts');
    return use.exec(host, { ...options, target: args.service, argv: ['/bin/sh'] });
  },
  render: () => '',
  exitCode: ({ exitCode }) => exitCode,
});

export const supervise = command({
  name: 'supervise',
  summary: 'Start services again when they end, as their manifest says',
  description:
    'One for all services of a machine; `activate` and `boot` start it. It ends with the last service. Services go on when it is killed, and the next one finds them.',
  options: { root },
  async run({ host, options, report, signal }) {
    const use = await import('../../pkg/system/index.ts');
    return use.supervise(host, { ...options, signal }, report);
  },
  render: ({ left, isOther }) => {
    if (isOther) return 'another supervisor has the services';
    return left === 0 ? 'no service is left' : `${left} services go on unwatched`;
  },
});
