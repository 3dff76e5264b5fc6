import test from 'ava';
import { closedCommandLine } from '../../../pkg/system/bootkit/command-line.ts';

test('systemd takes nothing from the tables of the firmware, unless the command line says so', (t) => {
  t.is(closedCommandLine('quiet panic=-1'), 'quiet panic=-1 systemd.import_credentials=no');
  t.is(closedCommandLine(''), 'systemd.import_credentials=no');
  t.is(
    closedCommandLine('quiet not.systemd.import_credentials=yes'),
    'quiet not.systemd.import_credentials=yes systemd.import_credentials=no',
  );
  const chosen = 'quiet systemd.import_credentials=yes';
  t.is(closedCommandLine(chosen), chosen);
});
