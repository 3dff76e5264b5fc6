import test from 'ava';
import { isConnected } from '../../pkg/lxc/index.ts';

const row = (state: string) =>
  `   0: 020312C6:0050 0103000A:9C40 ${state} 00000000:00000000 00:00000000 00000000     0        0 61 1 0\n`;

test('who is connected is in the table of the kernel, beside who listens and who is over', (t) => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue\n';
  t.false(isConnected(''));
  t.false(isConnected(head + row('0A') + row('06')));
  for (const state of ['01', '03', '08']) t.true(isConnected(head + row('0A') + row(state)));
});
