import { remoteCommand } from './remote.ts';

export const reboot = remoteCommand(
  {
    name: 'reboot',
    summary: 'Reboot the machine; what waits for the next boot then runs',
    async run({ host }) {
      const use = await import('../../pkg/system/index.ts');
      await use.reboot(host, { root: '/' });
      return null;
    },
    render: () => 'the machine reboots',
  },
  () => ({ method: 'POST', path: '/v1/reboot' }),
);
