// Receives messages with node-hl7-server and answers as the control ID says; prints its port first, then the control ID and
// the patient's name of each message as a line of JSON.
const { Server } = require('node-hl7-server')

const server = new Server({ bindAddress: '127.0.0.1' })
const inbound = server.createInbound({ port: 0 }, async (request, response) => {
  const message = request.getMessage()
  const id = message.get('MSH.10').toString()
  console.log(JSON.stringify([id, message.get('PID.5.1').toString()]))
  await response.sendResponse({ E: 'AE', R: 'AR' }[id[0]] ?? 'AA')
})
inbound.on('listen', () => console.log(inbound._socket.address().port))
