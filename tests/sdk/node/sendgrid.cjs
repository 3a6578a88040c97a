// @sendgrid/mail as its reference shows it, with another base URL and key.
const [url, key, sender] = process.argv.slice(2);
const sg = require('@sendgrid/mail');
const { Client } = require('@sendgrid/client');

const client = new Client();
// In this order: setting the key sets the base URL back to SendGrid's.
const use = (secret) => {
  client.setApiKey(secret);
  client.setDefaultRequest('baseUrl', `${url}/`);
};
sg.setClient(client);
use(key);

const told = [];
const note = async (promise) => {
  try {
    const [answer] = await promise;
    told.push({ status: answer.statusCode, id: answer.headers['x-message-id'] });
  } catch (error) {
    told.push({ status: error.code, errors: error.response && error.response.body.errors });
  }
};

(async () => {
  await note(sg.send({
    to: { email: 'njs-one@sandbox.test', name: 'Ana Quispe' },
    cc: 'njs-cc@sandbox.test',
    from: { email: sender, name: 'Caja Municipal' },
    replyTo: 'ayuda@sender.test',
    subject: 'Su recibo ñ',
    text: 'Hola, señora',
    html: '<p>Hola, <b>señora</b> <img src="cid:logo"></p>',
    categories: ['recibos'],
    customArgs: { pedido: '77' },
    headers: { 'X-Pedido': '4711' },
    attachments: [
      { content: Buffer.from('a,b\n1,2\n').toString('base64'), filename: 'año.csv', type: 'text/csv', disposition: 'attachment' },
      { content: Buffer.from([137, 80, 78, 71]).toString('base64'), filename: 'logo.png', type: 'image/png', disposition: 'inline', contentId: 'logo' },
    ],
    trackingSettings: { clickTracking: { enable: false }, openTracking: { enable: true } },
  }));
  // Each gets a mail of their own.
  await note(sg.sendMultiple({
    to: ['njs-m1@sandbox.test', 'njs-m2@sandbox.test'],
    from: sender, subject: 'Para cada uno', text: 'texto',
  }));
  // The helper's substitutions stand between {{ and }}.
  await note(sg.send({
    from: sender, subject: 'Hola {{nombre}}', html: '<p>{{nombre}}: {{saldo}}</p>',
    personalizations: [
      { to: 'njs-p1@sandbox.test', substitutions: { nombre: 'Ana', saldo: '10' } },
      { to: 'njs-p2@sandbox.test', substitutions: { nombre: 'José', saldo: '20' } },
    ],
  }));
  await note(sg.send({ to: 'njs-x@sandbox.test', from: 'app@elsewhere.test', subject: 's', text: 't' }));
  use('SG.wrong');
  await note(sg.send({ to: 'njs-x@sandbox.test', from: sender, subject: 's', text: 't' }));
  console.log(JSON.stringify(told));
})();
